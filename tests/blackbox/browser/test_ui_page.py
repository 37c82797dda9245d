"""The page for people in a real browser: the whole way from an empty lab to a result, by demo data and by a file of one's own."""
import datetime
import json
import os
import subprocess
import time
from urllib.parse import urlsplit

import pytest
from support import daemon as daemons
from support import docs_ui
from support.lab import made_up, text_of
from support.wait import wait_until

# The first element of a kind whose text begins so, marked so that the driver can find it.
MARK = """
const [selector, text, mark] = arguments;
for (const one of document.querySelectorAll("[data-mark='" + mark + "']")) delete one.dataset.mark;
const found = [...document.querySelectorAll(selector)].find(one => one.textContent.trim().startsWith(text) && one.offsetParent !== null && !one.disabled);
if (found) found.dataset.mark = mark;
return !!found;
"""
FIELD = """
const [text, mark] = arguments;
for (const one of document.querySelectorAll("[data-mark='" + mark + "']")) delete one.dataset.mark;
const label = [...document.querySelectorAll("label")].find(one => one.textContent.trim().startsWith(text) && one.offsetParent !== null);
const field = label && document.getElementById(label.htmlFor);
if (field) field.dataset.mark = mark;
return !!field;
"""
CHOOSE = """
const field = document.querySelector("[data-mark='field']");
field.value = arguments[0];
field.dispatchEvent(new Event("change", {bubbles: true}));
"""
# A canvas of the chart on which something is drawn. It is read from a copy, as the browser complains of pages that read their own.
DRAWN = """
const copy = document.createElement("canvas"), context = copy.getContext("2d", {willReadFrequently: true});
return [...document.querySelectorAll(".chart canvas")].some(canvas => {
    if (canvas.width <= 100) return false;
    [copy.width, copy.height] = [canvas.width, canvas.height];
    context.drawImage(canvas, 0, 0);
    return new Set(context.getImageData(0, 0, copy.width, copy.height).data).size > 20;
});
"""
NAME = "Above <img src=x> the average"  # which is text, and asks nobody
HELD = "return performance.getEntriesByType('navigation').length === 1 && window.sameDocument === true"


class Lab:
    """The page, and what people do with it."""

    def __init__(self, browser, service, folder):
        self.browser, self.service = browser, service
        with open(os.path.join(folder, "..", "npm", "node_modules", "axe-core", "axe.min.js"), encoding="utf-8") as f:
            self.axe = f.read()

    def open(self, at=""):
        self.browser.open(f"{self.service.url}/{at}")
        try:
            self.browser.find("h1")
        except AssertionError as error:
            raise AssertionError(f"{error}; the console has {self.browser.console()}") from error
        self.browser.script("window.sameDocument = true")

    def press(self, text, selector="button, a, summary"):
        self.browser.wait_for(MARK, selector, text, "pressed", what=f"{selector} {text!r}")
        self.browser.script("document.querySelector(\"[data-mark='pressed']\").scrollIntoView({block: 'center'})")
        self.browser.click("[data-mark='pressed']")

    def fill(self, label, text):
        self.browser.wait_for(FIELD, label, "field", what=f"the field {label!r}")
        self.browser.write("[data-mark='field']", text)

    def choose(self, label, value):
        self.browser.wait_for(FIELD, label, "field", what=f"the field {label!r}")
        self.browser.script(CHOOSE, value)

    def heading(self, text):
        self.browser.wait_for("return document.querySelector('h1')?.textContent.startsWith(arguments[0])", text, what=f"the heading {text!r}")

    def says(self, text, selector="body"):
        self.browser.wait_for("return document.querySelector(arguments[0])?.innerText.includes(arguments[1])", selector, text, what=f"{text!r} in {selector}")

    def drawn(self):
        self.browser.wait_for(DRAWN, what="a chart")

    def drawn_span(self, what, act):
        """Acts, and tells in which bars the chart is then, once they are others than before."""
        before = self.browser.script("return document.querySelector('.legend .end').innerText.split(/;|Go|,/)[0].trim()")
        act()
        self.browser.wait_for("return document.querySelector('.legend .end').innerText.split(/;|Go|,/)[0].trim() !== arguments[0]", before, what=what)
        return self.browser.script("return document.querySelector('.legend .end').innerText.split(/;|Go|,/)[0].trim()")

    def figures(self):
        return self.browser.script("return Object.fromEntries([...document.querySelectorAll('.figure')].map(f => "
                                   "[f.querySelector('dt').textContent, f.querySelector('b').textContent]))")

    def is_for_everybody(self):
        """axe-core finds nothing serious."""
        self.browser.script(self.axe + "\nwindow.axe = axe;")
        found = self.browser.script("return axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
        serious = [f"{one['id']}: {node['html'][:200]} {node['any'][0]['message'] if node['any'] else ''}" for one in found if one["impact"] in ("serious", "critical")
                   for node in one["nodes"]]
        assert serious == []

    def is_quiet(self):
        """No error was written to the console, and nobody else was asked."""
        assert self.browser.console() == []
        assert {urlsplit(url).netloc for url in self.browser.requests() if not url.startswith("blob:")} <= {f"127.0.0.1:{self.service.port}"}


@pytest.fixture
def backtesting(backtestd, database, tmp_path):
    """backtesting(): a backtestd on the test's database."""
    started = []

    def start():
        (tmp_path / "backtesting").mkdir()
        one = daemons.Backtestd(backtestd, ("serve",), {"DATABASE_URL": database.url, "workers": 1}, str(tmp_path / "backtesting"))
        one.start(True)
        started.append(one)

    yield start
    for one in started:
        one.finish()


@pytest.fixture
def lab(daemon, browser, ui_dir, backtesting):
    service = daemon(ui_dir=ui_dir, workers=1, http_body="500KiB")  # less than the page's pieces of a file: it cuts them again
    backtesting()
    return Lab(browser, service, ui_dir)


def test_from_an_empty_lab_to_a_result(lab, browser, keep):
    browser.size(1440, 1000)
    lab.open()
    lab.heading("Welcome to the lab")
    lab.is_for_everybody()
    keep(browser, "ui-empty.png")

    lab.press("Bring in the demo market")
    lab.heading("Demo: moving averages")
    browser.wait_for("return document.querySelectorAll('.figure').length === 8", what="the figures")
    lab.drawn()
    browser.wait_for("return document.querySelectorAll('.trades tbody tr').length > 10", what="the trades")
    browser.size(1320, 940)
    browser.devtools("Input.dispatchMouseEvent", type="mouseMoved", x=4, y=400)
    lab.says("zoom in for 1h", ".legend")
    keep(browser, "ui-readme.png", whole=False)  # README.md shows it: docs/lab.png
    browser.size(1440, 1000)
    [first] = [one for one in lab.service.request("GET", "/api/v1/backtests?symbol=DEMO:BTCUSD").json()["items"] if one["id"] in browser.script("return location.href")]
    figures = lab.figures()
    assert figures["Trades"] == str(first["metrics"]["trades"])
    assert figures["Return"].replace("−", "-").strip("%+") == f"{first['metrics']['return'] * 100:.2f}"
    lab.is_for_everybody()
    keep(browser, "ui-result.png")

    # The candles are those of scripts/demo, to the last digit.
    made = subprocess.run([os.path.join(docs_ui.TOP, "scripts", "demo"), "--candles", "DEMO:ETHUSD"], capture_output=True, text=True, check=True).stdout
    ours = browser.script("return import(document.querySelector(\"script[type='module']\").src.replace('main.js', 'demo.js')).then(m => m.candles()[1])")
    assert made.splitlines()[1:] == ours

    # What the command and the form leave out is what the engine takes anyway.
    short = browser.script("const [execution] = arguments; return import(document.querySelector(\"script[type='module']\").src.replace('main.js', 'request.js'))"
                           ".then(m => m.shortExecution(execution))", first["execution"])
    assert short == {"fee": {"percent": 0.05}, "slippage": {"percent": 0.01}}

    # The command is for a shell.
    command = browser.script("return document.querySelector('pre.command').textContent")
    asked = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert json.loads(asked.stdout)["strategy_id"] == first["strategy_id"], asked.stdout
    wait_until(lambda: lab.service.request("GET", f"/api/v1/backtests/{json.loads(asked.stdout)['id']}").json()["result_hash"] == first["result_hash"], 60,
               "the same result")

    # A trade is chosen, and seen; the tables beside it follow.
    browser.script("document.querySelectorAll('.trades tbody tr:not([aria-hidden])')[3].click()")
    browser.find(".trades tr.selected")
    lab.says("bars of 1h", ".legend")
    keep(browser, "ui-result-trade.png")
    lab.press("Profit", ".trades th button")
    assert browser.script("return document.querySelector('.trades th[aria-sort]').textContent") == "Profit"

    browser.size(1440, 1000, dark=True)
    lab.press("Whole span")
    lab.says("zoom in for 1h", ".legend")
    lab.is_for_everybody()
    keep(browser, "ui-result-dark.png")
    browser.size(360, 780)
    browser.wait_for("return document.documentElement.scrollWidth <= 360", what="it to fit a phone")
    keep(browser, "ui-result-phone.png")
    for view, heading in {"strategies": "Strategies", "strategies/new": "New strategy", "data": "Data", "data/DEMO:BTCUSD/1h": "DEMO:BTCUSD 1h",
                          "run": "Run a backtest", "results": "Results", "compare": "Compare", "": "The lab"}.items():
        browser.script("location.hash = '#/' + arguments[0]", view)
        lab.heading(heading)
        browser.wait_for("return !document.querySelector('.loading') && document.documentElement.scrollWidth <= 360", what=f"{heading} to fit a phone")
    lab.is_for_everybody()

    browser.size(1440, 1000)
    lab.press("Results", "nav a")
    wait_until(lambda: all(one["status"] == "succeeded" for one in lab.service.request("GET", "/api/v1/backtests").json()["items"]), 60, "all backtests")
    browser.wait_for("return document.querySelectorAll('.pill.good').length === 5", what="five results")
    keep(browser, "ui-results.png")
    for i in (0, 1, 2):
        browser.script("document.querySelectorAll('tbody input')[arguments[0]].click()", i)
    lab.press("Compare these 3")
    lab.heading("Compare")
    lab.drawn()
    lab.says("Profit factor")
    lab.is_for_everybody()
    keep(browser, "ui-compare.png")
    assert browser.script(HELD), "the page was loaded anew on the way"
    lab.is_quiet()


def test_a_file_and_rules_of_ones_own(lab, browser, keep, tmp_path):
    rows = text_of(made_up(30000, minutes=60)).splitlines()
    spoiled = len(rows) - 2000  # far behind the first cut
    rows[spoiled] = rows[spoiled].replace(rows[spoiled].split(",")[2], "0.01")  # a high below the low
    del rows[1000:1003]
    path = tmp_path / "MY-COIN-1h.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")

    lab.open("#/data")
    lab.says("There are no candles yet")
    browser.choose_file("input[type=file]", str(path))
    lab.says("MY-COIN-1h.csv")
    lab.press("Strategies", "nav a")  # what was chosen is still chosen when one comes back
    lab.press("Data", "nav a")
    lab.press("Import 1 file")
    lab.says("29,997 rows read, 29,996 new, 0 there already, 1 rejected", ".banner")
    assert browser.script("return document.querySelector('.banner tbody td').textContent") == str(spoiled - 3 + 1)
    lab.press("4 bars missing in the file")
    assert browser.script("return [...document.querySelectorAll('.banner details:last-child td:first-child')].map(c => c.textContent)") == ["3", "1"]
    lab.is_for_everybody()
    keep(browser, "ui-import.png")
    lab.press("Look at MY-COIN 1h")
    lab.heading("MY-COIN 1h")
    lab.drawn()
    lab.says("4 bars are missing", ".card:nth-of-type(2)")
    lab.says("zoom in for 1h", ".legend")
    span = lab.drawn_span("the gap to be led to", lambda: lab.press("2024-", ".gaps button"))
    assert span == "bars of 1h"
    browser.find(".gaps tr.selected")
    browser.script("scrollTo(0, 0)")
    keep(browser, "ui-series.png")

    browser.size(1280, 1400)
    lab.press("Strategies", "nav a")
    lab.press("Write one down")
    lab.heading("New strategy")
    lab.fill("Name", NAME)
    lab.choose("Kind", "rules")
    lab.fill("Buy if", "close > sma(clsoe, 20)")
    lab.says("unknown name clsoe (did you mean close?)", ".expression.wrong")
    assert browser.script("return document.querySelector('.expression mark').textContent") == "clsoe"
    lab.is_for_everybody()
    keep(browser, "ui-strategy-wrong.png")
    lab.fill("Buy if", "close > sma(close, $slow)")
    lab.fill("Sell if", "close < sma(close, $fast)")
    browser.wait_for("return !document.querySelector('.expression.wrong')", what="nothing wrong")
    # A number that is typed key by key, of which "1." is one already; and names, of which the first is removed.
    browser.write("[aria-label='Value of fast']", "1")
    browser.keys("[aria-label='Value of fast']", ".05")
    assert browser.script("return document.querySelector(\"[aria-label='Value of fast']\").value") == "1.05"
    browser.write("[aria-label='Value of fast']", "20")
    for _ in range(2):
        lab.press("Add a name")
    browser.click("[aria-label='Remove x1']")
    browser.wait_for("return document.querySelector('.named .name').value === 'x2'", what="the other name")
    browser.click("[aria-label='Remove x2']")
    # What was typed outlives a reload of the page.
    browser.open(f"{lab.service.url}/#/strategies/new")
    browser.script("location.reload()")
    browser.wait_for("return document.querySelector('.expression textarea')?.value === 'close > sma(close, $slow)'", what="what was typed")
    lab.press("Make it")
    lab.heading(NAME)
    lab.says("Version 1 is stored")
    lab.fill("Sell if", "close < sma(close, $fast) or rsi(close, 14) > 80")
    lab.press("Store version 2")
    lab.says("Version 2 is stored")
    browser.wait_for("return document.querySelectorAll('.diff .new').length === 1", what="the difference")
    keep(browser, "ui-strategy.png")
    both_sides_of_a_conflict(lab, browser, keep)

    lab.press("Strategies", "nav a")
    lab.fill("Search", "Above")
    browser.wait_for("return location.hash === '#/strategies?q=Above'", what="the search in the address")
    lab.press(NAME, "td a")
    lab.heading(NAME)
    lab.press("Run…")
    lab.heading("Run a backtest")
    lab.says("29,996 bars of 1h")
    lab.fill("Fee, %", "x")
    lab.press("Run it")
    browser.find(".field.wrong, .banner.bad")
    lab.fill("Fee, %", "0.1")
    keep(browser, "ui-run.png")
    browser.console()  # what the browser says of the 422
    lab.press("Run it")
    lab.heading(NAME)
    browser.wait_for("return document.querySelectorAll('.figure').length === 8", what="the figures")
    lab.drawn()
    is_exact_by_months(lab, browser)
    lab.press("Profit", ".trades th button")
    lab.press("Profit", ".trades th button")
    item = browser.script("return location.hash.split('/').at(-1)")
    best = lab.service.request("GET", f"/api/v1/backtests/{item}/trades?sort=-pnl&limit=3").json()["items"]
    browser.wait_for("return [...document.querySelectorAll('.trades tbody tr:not([aria-hidden]) td:first-child')].slice(0, 3).map(c => c.textContent)"
                     ".join() === arguments[0]", ",".join(str(t["n"]) for t in best), what="the best trades first")
    browser.script("document.querySelector('.trades').scrollTop = 1e9")
    browser.script("document.querySelectorAll('.trades tbody tr:not([aria-hidden])')[2].click()")
    browser.find(".trades tr.selected")
    lab.says("bars of 1h", ".legend")
    browser.wait_for("return !document.querySelector('.legend').innerText.includes('leaves out points')", what="all points of the window")
    browser.script("scrollTo(0, 0)")
    keep(browser, "ui-result-sorted.png")
    lab.is_quiet()


def both_sides_of_a_conflict(lab, browser, keep):
    """Somebody else changes the strategy: mine goes on, is put aside, and is stored in the end."""
    [item] = lab.service.request("GET", "/api/v1/strategies").json()["items"]
    path = f"/api/v1/strategies/{item['id']}"
    mine = "close < sma(close, $fast) or rsi(close, 14) > 81"

    def other(description):
        assert lab.service.request("PATCH", path, {"description": description}).status == 200

    def typed():
        return browser.script("return [...document.querySelectorAll('.expression textarea')].map(t => t.value)")

    def clash(description):
        lab.fill("Sell if", mine)
        other(description)
        lab.press("Store version")
        lab.says("Somebody else has changed this strategy", ".conflict")
        lab.says(description, ".conflict .sides")
        lab.says("> 81", ".conflict .sides")
        browser.console()  # what the browser says of the 412

    clash("by somebody")
    lab.is_for_everybody()
    browser.script("scrollTo(0, 0)")
    keep(browser, "ui-conflict.png")
    lab.press("Go on editing mine", ".conflict button")
    browser.wait_for("return !document.querySelector('.conflict')", what="the conflict to be over")
    assert mine in typed()
    clash("by somebody else")
    lab.press("Take theirs", ".conflict button")
    lab.says("What you had typed before you took the other version is kept")
    assert mine not in typed()
    lab.press("Put it into the editor")
    browser.wait_for("return [...document.querySelectorAll('.expression textarea')].some(t => t.value === arguments[0])", mine, what="what was typed")
    other("by the third")
    lab.press("Store version")
    lab.says("by the third", ".conflict .sides")
    browser.console()
    lab.press("Keep mine", ".conflict button")
    lab.says("Version 6 is stored")
    stored = lab.service.request("GET", path).json()
    assert stored["parameters"]["long"]["exit"] == mine and stored["version"] == 6


def is_exact_by_months(lab, browser):
    """The table of months is that of all points of the curve, of which the page has but some."""
    item = browser.script("return location.hash.split('/').at(-1)")
    points, years = [], range(2024, 2029)
    for year in years:
        for start, end in ((f"{year}-01-01", f"{year}-07-01"), (f"{year}-07-01", f"{year + 1}-01-01")):
            part = lab.service.request("GET", f"/api/v1/backtests/{item}/equity?points=10000&start={start}T00:00:00Z&end={end}T00:00:00Z").json()
            assert not part["thinned"]
            points += part["items"]
    assert len(points) == part["points"] > 10000
    ends = {}
    for one in points[1:]:
        at = datetime.datetime.fromisoformat(one["time"].replace("Z", "+00:00")) - datetime.timedelta(seconds=1)
        ends[at.year, at.month] = one["equity"]
    before, expected = points[0]["equity"], []
    for value in ends.values():
        expected.append(f"{100 * (value / before - 1):.1f}%")
        before = value
    browser.wait_for("return document.querySelector('.months') && ![...document.querySelectorAll('.note')].some(n => n.textContent.includes('may be off'))", what="the exact months")
    seen = browser.script("return [...document.querySelectorAll('.months tbody td:not(.whole)')].map(c => c.textContent).filter(t => t !== '–')")
    assert [text.replace("−", "-").replace("-0.0%", "0.0%") for text in seen] == [text.replace("-0.0%", "0.0%") for text in expected]


def test_a_token_and_a_lost_connection(daemon, command, browser, ui_dir, keep):
    service = daemon(ui_dir=ui_dir, auth="token", workers=1)
    made = command("token", "create", "browser", "--scope", "read", "--scope", "write", "--json")
    assert made.returncode == 0, made.stderr
    token = json.loads(made.stdout)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    wait_until(lambda: service.request("GET", "/api/v1/strategies", headers=headers).status == 200, 10, "the token to be known")

    lab = Lab(browser, service, ui_dir)
    lab.open("#/strategies/new")
    lab.says("This service asks for an access token")
    lab.is_for_everybody()
    keep(browser, "ui-token.png")
    lab.fill("Token", "ключ")
    lab.press("Use it")
    lab.says("This is not a token")
    lab.fill("Token", token)
    lab.press("Use it")
    lab.fill("Name", "Typed before")
    assert command("token", "revoke", "browser").returncode == 0
    wait_until(lambda: service.request("GET", "/api/v1/strategies", headers=headers).status == 401, 10, "the token to be gone")
    lab.press("Make it")
    lab.says("What you have typed is still there")
    made = command("token", "create", "another", "--scope", "read", "--scope", "write", "--json")
    token = json.loads(made.stdout)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    wait_until(lambda: service.request("GET", "/api/v1/strategies", headers=headers).status == 200, 10, "the token to be known")
    lab.fill("Token", token)
    lab.press("Use it")
    lab.heading("Typed before")
    command = browser.script("return import(document.querySelector(\"script[type='module']\").src.replace('main.js', 'request.js'))"
                             ".then(m => m.curlOf({start: '', end: ''}))")
    assert '-H "Authorization: Bearer $token"' in command and token not in command
    assert token not in browser.script("return JSON.stringify(localStorage) + document.cookie + location.href")

    browser.devtools("Network.enable")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.devtools("Network.emulateNetworkConditions", offline=True, **offline)
    lab.press("Strategies", "nav a")
    lab.says("The service does not answer")
    keep(browser, "ui-no-answer.png")
    browser.devtools("Network.emulateNetworkConditions", offline=False, **offline)
    lab.says("Typed before")
    browser.wait_for("return !document.querySelector('.banner.bad')", what="it to be over")
    assert browser.script(HELD)


def test_looks_do_not_heap_up(daemon, browser, ui_dir):
    """While nobody answers, a result that is waited for is asked for once at a time."""
    service = daemon(ui_dir=ui_dir, workers=1)  # and nobody who computes
    series = service.request("POST", "/api/v1/candles/SOME/1d", text_of(made_up(50, minutes=1440)).encode(), headers={"Content-Type": "text/csv"})
    assert series.status == 200, series.body
    strategy = service.request("POST", "/api/v1/strategies", {"name": "Some", "kind": "buy_and_hold"}).json()["id"]
    backtest = service.request("POST", "/api/v1/backtests", {"strategy_id": strategy, "symbol": "SOME", "timeframe": "1d", "start": "2024-01-01T00:00:00Z",
                                                             "end": "2024-02-01T00:00:00Z", "initial_capital": 1000}).json()["id"]
    lab = Lab(browser, service, ui_dir)
    lab.open(f"#/results/{backtest}")
    lab.says("In the queue")
    browser.devtools("Network.enable")
    browser.devtools("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    lab.says("The service does not answer")
    browser.requests()
    begin = time.monotonic()
    asked = wait_until(browser.requests, 30, "it to be asked for again")
    time.sleep(4)
    asked += browser.requests()
    assert len(asked) <= (time.monotonic() - begin) / 0.5 + 2


def test_numbers_are_the_readers(daemon, browser, ui_dir):
    lab = Lab(browser, daemon(ui_dir=ui_dir, workers=1), ui_dir)
    for locale, texts in {"en-US": {"10,000": 10000, "0.125": 0.125, "ten": "ten"}, "de-DE": {"10.000": 10000, "0,5": 0.5},
                          "ar-EG": {"١٠٬٠٠٠٫٥": 10000.5}}.items():
        browser.devtools("Emulation.setLocaleOverride", locale=locale)
        browser.open("about:blank")
        lab.open()
        read = browser.script("const [texts] = arguments; return import(document.querySelector(\"script[type='module']\").src.replace('main.js', 'format.js'))"
                              ".then(m => [...texts.map(m.readNumber), m.readNumber(m.writeNumber(1.5))])", list(texts))
        assert read == [*texts.values(), 1.5], locale


def test_what_one_was_led_to(daemon, browser, ui_dir):
    """The form of a backtest shows what one came for, in a tab in which nothing was chosen before; and all of a backtest that is run again."""
    service = daemon(ui_dir=ui_dir, workers=1)
    for symbol, timeframe, minutes in (("FIRST", "1d", 1440), ("SECOND", "1d", 1440), ("WEEKLY", "1w", 10080)):
        stored = service.request("POST", f"/api/v1/candles/{symbol}/{timeframe}", text_of(made_up(50, minutes=minutes)).encode(),
                                 headers={"Content-Type": "text/csv"})
        assert stored.status == 200, stored.body
    ids = [service.request("POST", "/api/v1/strategies", {"name": name, "kind": "buy_and_hold"}).json()["id"] for name in ("One", "Two")]
    lab = Lab(browser, service, ui_dir)

    def led(at):
        lab.open()
        browser.script("sessionStorage.clear()")
        browser.open("about:blank")
        lab.open(at)
        lab.heading("Run a backtest")

    def chosen():
        browser.wait_for("return document.querySelector('[type=date]')?.value", what="a span")
        return browser.script("return [...document.querySelectorAll('select')].map(one => one.value)")

    for item in ids:
        led(f"#/run?strategy={item}")
        assert chosen()[0] == item
    led("#/run?symbol=SECOND&timeframe=1d")
    assert "SECOND" in chosen()
    led("#/run?symbol=WEEKLY&timeframe=1w")
    lab.says("No backtest has bars made of 1w")

    made = service.request("POST", "/api/v1/backtests", {"strategy_id": ids[0], "symbol": "SECOND", "timeframe": "1d", "start": "2024-01-03T00:00:00Z",
                                                         "end": "2024-02-01T12:00:00Z", "initial_capital": 1000,
                                                         "execution": {"fee": {"percent": 0.1, "fixed": 1}}})
    assert made.status in (201, 202), made.body
    led(f"#/run?from={made.json()['id']}")
    assert ids[0] in chosen() and "SECOND" in chosen()
    lab.says("at 12:00 of that day")
    lab.fill("Fee, %", "0.2")
    lab.press("Run it")
    lab.heading("One")
    item = browser.script("return location.hash.split('/').at(-1)")
    again = service.request("GET", f"/api/v1/backtests/{item}").json()
    assert (again["execution"]["fee"]["percent"], again["execution"]["fee"]["fixed"]) == (0.2, 1)
    assert (again["start"], again["end"]) == (made.json()["start"], made.json()["end"])
    assert browser.console() == []


def test_a_function_is_put_into_an_expression(daemon, browser, ui_dir):
    """What was typed elsewhere since stays; another kind, and back."""
    lab = Lab(browser, daemon(ui_dir=ui_dir, workers=1), ui_dir)
    fast = "return document.querySelector(\"[aria-label='Value of fast']\")?.value"

    lab.open("#/strategies/new")
    lab.choose("Kind", "rules")
    lab.fill("Buy if", "close > ")
    browser.write("[aria-label='Value of fast']", "33")
    lab.press("sma(", ".functions summary")
    lab.press("Insert")
    browser.wait_for("return /close > \\w+\\(/.test(document.querySelector('.expression textarea').value)", what="the function")
    assert browser.script(fast) == "33"
    lab.choose("Kind", "buy_and_hold")
    browser.wait_for("return !document.querySelector('.expression')", what="the other kind")
    lab.choose("Kind", "rules")
    browser.wait_for(fast, what="the rules")
    assert browser.script(fast) == "33"


def test_a_file_is_cut_behind_its_head(daemon, browser, ui_dir):
    lab = Lab(browser, daemon(ui_dir=ui_dir, workers=1), ui_dir)
    lab.open()
    cut = """
        const [head, row] = arguments, {pieces} = await import(document.querySelector("script[type='module']").src.replace("main.js", "cut.js"));
        const found = [];
        for await (const one of pieces(new File([head + row.repeat(40000)], "some.csv")))
            found.push([one.headLines, one.text.startsWith(head + row), one.text.length < 1e6]);
        return found;
    """
    for head, row in (("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n", "AAPL.US,5,20240102,153000,1.5,2,1,1.5,100\n"),
                      ("Price,Close,High,Low,Open,Volume\nTicker,7203.T,7203.T,7203.T,7203.T,7203.T\nDate,,,,,\n", "2024-01-02,1.5,2,1,1.5,100,123456789\n")):
        found = browser.script(f"return (async (...given) => {{ return await (async function () {{ {cut} }})(...given); }})(...arguments)", head, row)
        assert found == [[head.count("\n"), True, True]] * len(found) and len(found) == 2


def test_without_its_files(daemon, browser, keep, tmp_path):
    service = daemon(ui_dir=tmp_path / "nowhere")
    browser.open(f"{service.url}/")
    assert browser.text("main li a") == "/docs"
    assert "scripts/dev.sh docs" in browser.text("main")
    assert browser.script("return getComputedStyle(document.body).maxWidth") == "672px", "the policy lets its style in"
    keep(browser, "ui-without-files.png")
    assert browser.console() == []
