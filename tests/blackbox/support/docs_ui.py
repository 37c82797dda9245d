"""Where the files of /docs are, and what to do where they, or the browser, cannot be had."""
import atexit
import functools
import gzip
import os
import shutil
import tempfile

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


def make_up(folder):
    """Files that are none of Swagger UI's, for a service whose page nobody looks at."""
    for name in ("docs.css", "docs.js", "favicon.svg", "licences.txt", "swagger-ui-bundle.js", "swagger-ui.css"):
        with gzip.open(os.path.join(folder, f"{name}.gz"), "wb") as f:
            f.write(os.urandom(4000))
    return folder


@functools.cache
def folder_or_made_up(stratslabd):
    found = folder(stratslabd)
    if found is None:
        found = make_up(tempfile.mkdtemp(prefix="stratslab-docs."))
        atexit.register(shutil.rmtree, found, ignore_errors=True)
    return found
