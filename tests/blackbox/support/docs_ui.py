"""Where the files of /docs are, and what to do where they, or the browser, cannot be had."""
import os

import pytest


def cannot_run(reason):
    """A test that needs Swagger UI, a browser or promtool: skipped, unless STRATSLAB_TEST_BROWSER=required, as in CI."""
    if os.environ.get("STRATSLAB_TEST_BROWSER") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def folder(stratslabd):
    """As the build of the program under test has made them, or as its image has them; None where it has none."""
    for path in (os.path.join(os.path.dirname(stratslabd), "docs-ui", "files"), "/usr/share/stratslabd/docs"):
        if os.path.exists(os.path.join(path, "docs.js.gz")):
            return path
    return None
