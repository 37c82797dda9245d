"""/docs in a real browser: every operation of the document, "Try it out", "Authorize", and no request to anybody else."""
import json
from urllib.parse import urlsplit

from support.wait import wait_until

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SHOWN = """
return [...document.querySelectorAll(".opblock")].map(block =>
    block.querySelector(".opblock-summary-method").textContent.toLowerCase() + " " +
    block.querySelector(".opblock-summary-path").dataset.path)
"""
ANSWERED = 'return (document.querySelector(arguments[0] + " .live-responses-table tbody .response-col_status") || {}).textContent'


def operations(daemon):
    paths = daemon.request("GET", "/openapi.json").json()["paths"]
    return {f"{method} {path}" for path, item in paths.items() for method in METHODS if method in item}


def block_of(browser, method, path):
    """Opens an operation; the CSS selector of its block."""
    browser.wait_for("return document.querySelectorAll('.opblock').length", what="operations")
    ident = browser.script("""
        for (const block of document.querySelectorAll(".opblock." + CSS.escape("opblock-" + arguments[0])))
            if (block.querySelector(".opblock-summary-path").dataset.path === arguments[1]) return block.id;
        """, method, path)
    assert ident, f"{method} {path} is not shown"
    selector = f"[id='{ident}']"
    browser.click(f"{selector} .opblock-summary-control")
    browser.find(f"{selector} .execute")
    return selector


def execute(browser, block):
    browser.click(f"{block} .execute")
    return browser.wait_for(ANSWERED, block, what="an answer").split()[0]


def test_shows_all_and_creates(daemon, docs_dir, browser, keep):
    service = daemon(docs_dir=docs_dir)
    browser.open(f"{service.url}/docs")
    browser.wait_for("return document.querySelectorAll('.opblock').length", what="operations")
    shown = browser.script(SHOWN)
    assert len(shown) == len(set(shown))
    assert set(shown) == operations(service)
    assert "StratsLab" in browser.script("return document.title")
    assert "stratslabd" in browser.text(".bar .version")
    keep(browser, "docs.png")

    block = block_of(browser, "post", "/api/v1/strategies")
    browser.write(f"{block} .body-param__text", '{"name": "From the browser", "kind": "sma_crossover"}')
    assert execute(browser, block) == "201"
    keep(browser, "docs-created.png")
    items = service.request("GET", "/api/v1/strategies").json()["items"]
    assert [item["name"] for item in items] == ["From the browser"]

    # What has a form of its own: a table of parameters, schemas, and an error that is unfolded.
    block_of(browser, "get", "/api/v1/backtests")
    browser.click(f"{block} tr[data-code='409'] .folded")
    browser.find(f"{block} tr.response[data-code='409'] .highlight-code")
    browser.click(f"{block} .opblock-section-request-body .tablinks[data-name='model']")
    browser.find(f"{block} .json-schema-2020-12")
    browser.click(".models-control")
    browser.find(".models .json-schema-2020-12")
    keep(browser, "docs-open.png")
    assert browser.console() == []
    asked = browser.requests()
    assert len(asked) > 5
    assert {urlsplit(url).netloc for url in asked} == {f"127.0.0.1:{service.port}"}


def test_authorize(daemon, command, docs_dir, browser, keep):
    service = daemon(docs_dir=docs_dir, auth="token", workers=1)
    made = command("token", "create", "browser", "--scope", "read", "--scope", "write", "--json")
    assert made.returncode == 0, made.stderr
    token = json.loads(made.stdout)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    wait_until(lambda: service.request("GET", "/api/v1/strategies", headers=headers).status == 200, 10, "the token to be known")

    browser.open(f"{service.url}/docs")
    block = block_of(browser, "post", "/api/v1/strategies")
    browser.write(f"{block} .body-param__text", '{"name": "With a token", "kind": "sma_crossover"}')
    assert execute(browser, block) == "401"
    refused = browser.console()
    assert len(refused) == 1 and "401" in refused[0]

    browser.click(".auth-wrapper .authorize")
    browser.write(".auth-container input", token)
    keep(browser, "docs-authorize.png")
    browser.click(".auth-btn-wrapper .authorize")
    browser.click(".auth-btn-wrapper .btn-done")
    browser.click(f"{block} .btn-clear")
    browser.wait_for("return !document.querySelector(arguments[0] + ' .live-responses-table')", block)
    assert execute(browser, block) == "201"
    items = service.request("GET", "/api/v1/strategies", headers=headers).json()["items"]
    assert [item["name"] for item in items] == ["With a token"]
    assert browser.console() == []
    assert token not in browser.script("return JSON.stringify(localStorage) + document.cookie")


def test_page_without_swagger_ui(daemon, browser, keep, tmp_path):
    service = daemon(docs_dir=tmp_path / "nowhere")
    browser.open(f"{service.url}/docs")
    assert browser.text("main a") == "/openapi.json"
    keep(browser, "docs-without-swagger-ui.png")
    assert browser.console() == []
    assert [urlsplit(url).path for url in browser.requests()] == ["/docs"]
    browser.click("main a")
    browser.wait_for("return location.pathname === '/openapi.json'")
