"""Where the files of the pages are (/docs, and / for people), and what to do where they, or the browser, cannot be had."""
import atexit
import functools
import gzip
import os
import shutil
import tempfile

import pytest

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))

# By the setting that names their folder: the folder of a build, that of an image, and files with what the page does with them.
PAGES = {
    "docs_dir": ("docs-ui", "/usr/share/stratslabd/docs",
                 {"licences.txt": "link", "favicon.svg": "icon", "swagger-ui.css": "style", "docs.css": "style", "swagger-ui-bundle.js": "script",
                  "docs.js": "script"}),
    "ui_dir": ("web-ui", "/usr/share/stratslabd/ui",
               {"licences.txt": "link", "favicon.svg": "icon", "page.css": "style", "chart.js": "preload", "main.js": "module"}),
}


def cannot_run(reason):
    """A test that needs a page from npm, a browser or promtool: skipped, unless STRATSLAB_TEST_BROWSER=required, as in CI."""
    if os.environ.get("STRATSLAB_TEST_BROWSER") == "required":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def folder(stratslabd, setting="docs_dir"):
    """As the build of the program under test has made them, or as its image has them; None where it has none."""
    built, installed, _ = PAGES[setting]
    for path in (os.path.join(os.path.dirname(stratslabd), built, "files"), installed):
        if os.path.exists(os.path.join(path, "list")):
            return path
    return None


def make_up(folder, setting="docs_dir"):
    """Files that are none of the real ones, for a service whose page nobody looks at."""
    files = PAGES[setting][2]
    for name in files:
        with gzip.open(os.path.join(folder, f"{name}.gz"), "wb") as f:
            f.write(os.urandom(4000))
    with open(os.path.join(folder, "list"), "w", encoding="utf-8") as f:
        f.writelines(f"{name} {use}\n" for name, use in files.items())
    return folder


@functools.cache
def folder_or_made_up(stratslabd, setting):
    found = folder(stratslabd, setting)
    if found is None:
        found = make_up(tempfile.mkdtemp(prefix="stratslab-page."), setting)
        atexit.register(shutil.rmtree, found, ignore_errors=True)
    return found
