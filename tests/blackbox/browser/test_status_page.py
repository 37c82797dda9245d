"""/status in a real browser, under traffic: it shows what was done, asks only its own address, and breaks no rule of its policy."""
import os
import signal

import pytest
from support.daemon import Backtestd
from support.metrics import scrape
from support.wait import wait_until

PATH = "/api/v1/strategies"
TILES = "return Object.fromEntries([...document.querySelectorAll('.tile')].map(t => [t.querySelector('dt').textContent, " \
        "t.querySelector('dd').firstChild.textContent]))"
TABLE = "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
LINES = "return [...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('path').length)"


def opened(browser, d):
    browser.open(f"http://127.0.0.1:{d.admin_port}/status")
    browser.wait_for("return document.querySelectorAll('.tile').length === 7", what="the figures")


def busy(browser, d, goal):
    """Asks away until the page shows it."""
    def look():
        with d.client() as client:
            for _ in range(20):
                client.request("GET", PATH)
            client.request("GET", "/nothing/here")
        return goal()
    return wait_until(look, 60, "the page to show the traffic", 0.2)


def test_it_draws_what_is_going_on(daemon, browser, keep):
    d = daemon(workers=2, log_access="off")
    opened(browser, d)
    busy(browser, d, lambda: min(browser.script(LINES)) >= 1 and browser.script(TILES)["Workers ready"] == "2 of 2")
    tiles = browser.script(TILES)
    assert tiles["Requests"].endswith("/s") and tiles["p99"].endswith("s") and tiles["Failed (5xx)"] == "0 %"
    assert {row[0] for row in browser.script(TABLE, "#workers")} == {str(pid) for pid in d.workers()}
    assert ["GET", PATH] in [row[:2] for row in browser.script(TABLE, "#routes")]
    assert ["GET", "unmatched"] in [row[:2] for row in browser.script(TABLE, "#routes")]
    counters = {row[0]: row[3] for row in browser.script(TABLE, "#counters")}
    assert set(counters) == {name for name, kind in scrape(d).types.items() if kind == "counter"}
    assert counters["stratslabd_http_requests_total"] != "0" and counters["stratslabd_database_reconnects_total"] == "0"
    assert browser.text("#health") == "ok"
    browser.script("const p = document.querySelector('.plot'), r = p.getBoundingClientRect();"
                   "p.dispatchEvent(new PointerEvent('pointermove', {clientX: r.right - 20, clientY: r.top + 20}))")
    assert "2xx" in browser.wait_for("return document.querySelector('.tip:not([hidden])')?.textContent", what="the values at a point")
    keep(browser, "status.png")
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.devtools("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
    browser.wait_for("return innerWidth === 390 && document.documentElement.scrollWidth === 390", what="it to fit a phone")
    keep(browser, "status-dark-phone.png")
    assert browser.console() == []
    own = f"http://127.0.0.1:{d.admin_port}/"
    assert {url.removeprefix(own) for url in browser.requests()} == {"status", "metrics"}


@pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)
def test_it_draws_a_program_that_answers_no_requests(daemon, browser, keep):
    d = daemon(workers=2)
    browser.open(f"http://127.0.0.1:{d.admin_port}/status")
    browser.wait_for("return document.querySelectorAll('.tile').length === 1", what="the figures")
    browser.wait_for("return document.querySelector('.tile dd')?.firstChild.textContent === '2 of 2'", what="both workers")
    assert browser.text("h1") == "backtestd" and browser.script("return document.title") == "backtestd"
    assert browser.script("return [...document.querySelectorAll('#plots, #routes-card')].every(e => e.offsetHeight === 0)")
    assert {row[0] for row in browser.script(TABLE, "#counters")} >= {"backtestd_reloads_total", "backtestd_worker_restarts_total"}
    keep(browser, "status-backtestd.png")
    assert browser.console() == []


def test_it_says_what_is_wrong_and_when_nobody_answers(daemon, browser):
    d = daemon(workers=2)
    opened(browser, d)
    victim = wait_until(d.workers, 10, "a worker")[0]
    os.kill(victim, signal.SIGKILL)
    browser.wait_for("return [...document.querySelectorAll('#workers td.bad')].some(c => c.textContent === '1')", what="the restart")
    assert d.stop() == 0
    browser.wait_for("return !document.querySelector('#silence').hidden", what="it to say that nobody answers")
    assert "No answer since" in browser.text("#silence") and browser.text("#health") == "no answer"
