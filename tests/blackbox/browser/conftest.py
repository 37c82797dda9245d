import os

import pytest
from support import browser as browsers
from support import docs_ui


@pytest.fixture
def browser(tmp_path):
    missing = browsers.missing()
    if missing:
        docs_ui.cannot_run(f"not installed: {missing}")
    with browsers.Browser(str(tmp_path)) as one:
        yield one


@pytest.fixture
def keep(stratslabd):
    """keep(browser, name, whole=True): a screenshot that stays in the build folder when the tests are over."""
    folder = os.path.join(os.path.dirname(stratslabd), "artefacts")

    def take(browser, name, **how):
        os.makedirs(folder, exist_ok=True)
        browser.screenshot(os.path.join(folder, name), **how)

    return take
