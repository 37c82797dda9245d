"""A stranger's page in a real browser on the service's machine: it reads nothing under a name that it has rebound, and changes nothing."""
import contextlib
import http.server
import threading
from urllib.parse import urlsplit

import pytest

STRATEGIES, BACKTESTS = "/api/v1/strategies", "/api/v1/backtests"
# What a page may send without asking anybody (a simple request of CORS), and a form. The answer is not shown to it.
SIMPLE = """
const [url] = arguments;
window.ended = "";
fetch(url, {method: "POST", mode: "no-cors"}).then(answer => { window.ended = answer.type; }, error => { window.ended = String(error); });
"""
FORM = """
const form = document.createElement("form");
form.method = "POST";
form.action = arguments[0];
document.body.append(form);
form.submit();
"""
READ = """
const [url, mode] = arguments;
window.ended = "";
fetch(url, {mode}).then(async answer => { window.ended = answer.status + " " + await answer.text(); }, error => { window.ended = "kept from it"; });
"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!DOCTYPE html><title>a page</title><body>hello"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def stranger():
    """The port of a web server that is not ours."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def queued(d):
    """A backtest that waits, and could be cancelled."""
    strategy = d.request("POST", STRATEGIES, {"name": "mine", "kind": "k"}).json()
    answer = d.request("POST", BACKTESTS, {"strategy_id": strategy["id"], "symbol": "BTCUSD", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                                           "end": "2025-01-01T00:00:00Z", "initial_capital": 1000})
    assert answer.status == 202, answer.text
    return f"{BACKTESTS}/{answer.json()['id']}"


def ended(browser, script, *arguments):
    browser.script(script, *arguments)
    return browser.wait_for("return window.ended", what="the request to end")


@pytest.mark.parametrize("name", ["127.0.0.1", "lab.example"])  # to which the browser sends Sec-Fetch-Site; and to which it sends Origin alone
def test_a_page_of_another_site_changes_nothing(daemon, browser, stranger, name):
    d = daemon(workers=1, allowed_hosts="lab.example")
    backtest = queued(d)
    target = f"http://{name}:{d.port}{backtest}/cancel"
    browser.open(f"http://evil.example:{stranger}/")
    assert ended(browser, SIMPLE, target) == "TypeError: Failed to fetch"  # Cross-Origin-Resource-Policy; it was sent all the same
    browser.script(FORM, target)
    browser.wait_for("return document.body && document.body.textContent.includes('cross_site_request')", what="the answer to the form")
    assert urlsplit(browser.script("return location.href")).path.endswith("/cancel")
    assert d.request("GET", backtest).json()["status"] == "queued"
    d.wait_log("method=POST .*status=403", count=2)

    # The service's own page may.
    browser.open(f"http://{name}:{d.port}/docs")
    browser.script("""
        window.ended = "";
        fetch(arguments[0], {method: "POST"}).then(answer => { window.ended = String(answer.status); }, error => { window.ended = String(error); });
        """, f"{backtest}/cancel")
    assert browser.wait_for("return window.ended") == "200"
    assert d.request("GET", backtest).json()["status"] == "cancelled"


def test_a_name_that_was_rebound_reads_nothing(daemon, browser):
    d = daemon(workers=1)
    backtest = queued(d)
    for port, path, secret in ((d.port, backtest, "BTCUSD"), (d.port, STRATEGIES, "mine"), (d.admin_port, "/status", "workers"),
                               (d.admin_port, "/metrics", "stratslabd_")):
        browser.open(f"http://rebound.example:{port}{path}")
        shown = browser.script("return document.documentElement.textContent")
        assert "misdirected_request" in shown and secret not in shown, shown
    # Its script is of the same origin, as the browser sees it.
    browser.open(f"http://rebound.example:{d.port}/health")
    assert browser.script("return document.documentElement.textContent").count('"status":"ok"') == 1
    assert ended(browser, READ, f"http://rebound.example:{d.port}{STRATEGIES}", "cors").startswith("421 ")
    assert ended(browser, READ, f"http://127.0.0.1:{d.port}{STRATEGIES}", "cors") == "kept from it"
    with contextlib.suppress(AssertionError):
        browser.console()  # it complains, rightly


def test_another_site_cannot_embed_an_answer(daemon, browser, stranger):
    d = daemon(workers=1)
    browser.open(f"http://evil.example:{stranger}/")
    assert ended(browser, READ, f"http://127.0.0.1:{d.port}{STRATEGIES}", "no-cors") == "kept from it"
