"""Series of candles: what there is, its gaps, and its end. How they come is in test_candles.py."""
import datetime
import random
import re
import urllib.parse

import pytest
from support import lab
from support.lab import quoted, text_of

PATH = "/api/v1/series"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def store(d, symbol, timeframe, rows, **query):
    answer = d.request("POST", f"/api/v1/candles/{quoted(symbol)}/{timeframe}?{urllib.parse.urlencode(query)}", text_of(rows),
                       {"Content-Type": "text/csv"})
    assert answer.status == 200, answer.text
    return answer.json()


def test_a_series_says_what_there_is_of_it(daemon):
    d = daemon()
    rows = lab.made_up(100, minutes=60)
    del rows[40:43]
    store(d, "BINANCE:BTCUSDT", "1h", rows)
    answer = d.request("GET", f"{PATH}/BINANCE:BTCUSDT/1h")
    assert answer.status == 200, answer.text
    series = answer.json()
    assert {name: series[name] for name in ("symbol", "timeframe", "adjusted", "bars", "missing", "first", "last", "revision")} == {
        "symbol": "BINANCE:BTCUSDT", "timeframe": "1h", "adjusted": False, "bars": 97, "missing": 3,
        "first": "2024-01-01T00:00:00.000000Z", "last": "2024-01-05T03:00:00.000000Z", "revision": 1}
    assert '"tick":0.01,"lot":0.1,' in answer.text
    assert 0 < series["bytes"] < 97 * 20
    assert TIME.fullmatch(series["created_at"]) and TIME.fullmatch(series["updated_at"])


def test_the_tag_is_new_with_each_change_and_each_series_of_the_name(daemon):
    d = daemon()
    rows, tags = lab.made_up(10), []
    for part in (rows[:5], rows):
        store(d, "X", "1d", part)
        answer = d.request("GET", f"{PATH}/X/1d")
        tags.append(answer.headers["ETag"])
        assert d.request("GET", f"{PATH}/X/1d", headers={"If-None-Match": tags[-1]}).status == 304
    store(d, "X", "1d", rows)  # nothing new
    assert d.request("GET", f"{PATH}/X/1d").headers["ETag"] == tags[-1]
    assert d.request("DELETE", f"{PATH}/X/1d").status == 204
    store(d, "X", "1d", rows)
    tags.append(d.request("GET", f"{PATH}/X/1d").headers["ETag"])
    assert len(set(tags)) == 3


def test_series_are_listed_the_newest_first_and_by_symbol(daemon):
    d = daemon()
    made = [("A", "1d", 1440), ("B", "1d", 1440), ("A", "1w", 10080), ("A", "12h", 720), ("C", "1d", 1440)]
    for symbol, timeframe, minutes in made:
        store(d, symbol, timeframe, lab.made_up(5, minutes))
    found, path = [], f"{PATH}?limit=2"
    while path is not None:
        answer = d.request("GET", path)
        assert answer.status == 200, answer.text
        found += [(one["symbol"], one["timeframe"]) for one in answer.json()["items"]]
        link = answer.headers["Link"]
        path = None if link is None else re.fullmatch(r'<(.*)>; rel="next"', link)[1]
    assert found == [(symbol, timeframe) for symbol, timeframe, _ in made[::-1]]
    answer = d.request("GET", f"{PATH}?symbol=A").json()
    assert [(one["symbol"], one["timeframe"]) for one in answer["items"]] == [("A", "12h"), ("A", "1w"), ("A", "1d")]
    assert answer["next"] is None


# ---- gaps ----

def moment(row):
    return datetime.datetime.fromisoformat(row[0].replace("Z", "+00:00"))


def missing(rows, minutes, weekends=True):
    """[first, last, bars] of each gap, bar by bar."""
    step, found = datetime.timedelta(minutes=minutes), []
    for before, after in zip(rows, rows[1:], strict=False):
        gap, at = [], moment(before) + step
        while at < moment(after):
            if weekends or at.weekday() < 5:
                gap.append(at)
            at += step
        if gap:
            found.append([gap[0].strftime("%Y-%m-%dT%H:%M:%SZ"), gap[-1].strftime("%Y-%m-%dT%H:%M:%SZ"), len(gap)])
    return found


def gaps(d, path, **query):
    """All pages; and how many there were."""
    found, pages, target = [], 0, f"{PATH}/{path}/gaps?{urllib.parse.urlencode(query)}"
    while target is not None:
        answer = d.request("GET", target)
        assert answer.status == 200, answer.text
        body, link, pages = answer.json(), answer.headers["Link"], pages + 1
        assert len(body["items"]) <= int(query.get("limit", 100)) and (link is None) == (body["next"] is None)
        found += [[one["first"], one["last"], one["bars"]] for one in body["items"]]
        target = None if link is None else re.fullmatch(r'<(.*)>; rel="next"', link)[1]
    return found, pages


def test_the_gaps_of_a_series_are_listed(daemon):
    d = daemon()
    r = random.Random(3)
    rows = lab.made_up(9000, minutes=60)
    for at in sorted(r.sample(range(10, 8900), 60), reverse=True):
        del rows[at:at + r.choice([1, 1, 2, 5, 40])]
    del rows[2000:2000 + 2100]  # a chunk and more
    store(d, "X", "1h", rows)
    expected = missing(rows, 60)
    assert sum(bars for _, _, bars in expected) == d.request("GET", f"{PATH}/X/1h").json()["missing"] > 2100
    for limit, pages in ((1000, 1), (100, 1), (7, -(-len(expected) // 7)), (len(expected), 1), (1, len(expected))):
        assert gaps(d, "X/1h", limit=limit) == (expected, pages), limit
    middle = expected[20][0]
    assert gaps(d, "X/1h", start=middle)[0] == expected[20:]
    assert gaps(d, "X/1h", start=middle.replace(":00Z", ":00.001Z"))[0] == expected[21:]
    assert gaps(d, "X/1h", start="2100-01-01T00:00:00Z")[0] == []
    store(d, "Y", "1h", lab.made_up(5000, minutes=60))
    assert gaps(d, "Y/1h") == ([], 1)
    assert d.request("GET", f"{PATH}/Z/1h/gaps").status == 404
    for query in ("limit=0", "limit=1001", "start=x", "weekends=1", "after=3"):
        assert d.request("GET", f"{PATH}/X/1h/gaps?{query}").status == 422, query


def test_a_page_of_gaps_reads_only_so_many_chunks(daemon):
    d = daemon()
    rows = lab.made_up(150, minutes=700)  # bars of a minute, three in each chunk
    store(d, "X", "1m", rows)
    found, pages = gaps(d, "X/1m", limit=1000)
    assert found == missing(rows, 1) and len(found) == 149
    assert pages == 2  # of 52 chunks


def test_weekends_are_gaps_unless_they_are_left_out(daemon):
    d = daemon()
    rows = [row for row in lab.made_up(120) if moment(row).weekday() < 5]
    del rows[40:42], rows[9]  # a Friday and a Monday; another day
    store(d, "X", "1d", rows)
    assert gaps(d, "X/1d")[0] == missing(rows, 1440)
    assert gaps(d, "X/1d", weekends="true")[0] == missing(rows, 1440)
    expected = missing(rows, 1440, weekends=False)
    assert gaps(d, "X/1d", weekends="false")[0] == expected and len(expected) == 2
    assert gaps(d, "X/1d", weekends="false", limit=1)[0] == expected
    weeks = lab.made_up(6, minutes=10080)
    del weeks[2]
    store(d, "X", "1w", weeks)
    assert gaps(d, "X/1w", weekends="false")[0] == [[weeks[2 - 1][0].replace("08", "15"), weeks[1][0].replace("08", "15"), 1]]


def test_a_damaged_chunk_has_no_gaps_to_tell(daemon, database):
    d = daemon()
    rows = lab.made_up(50)
    del rows[10]
    store(d, "X", "1d", rows)
    with database.connect() as db:
        db.execute("UPDATE candle_chunks SET packed = '\\x00', sha256 = sha256('\\x00')")
    assert d.request("GET", f"{PATH}/X/1d/gaps").status == 500
    assert "X" in d.log() and d.request("GET", f"{PATH}/X/1d").status == 200


def test_a_series_is_deleted_with_its_candles(daemon, database):
    d = daemon()
    store(d, "X", "1m", lab.made_up(3000, minutes=1))
    store(d, "Y", "1m", lab.made_up(10, minutes=1))
    answer = d.request("DELETE", f"{PATH}/X/1m")
    assert (answer.status, answer.body) == (204, b"")
    for method, path in (("GET", f"{PATH}/X/1m"), ("DELETE", f"{PATH}/X/1m"), ("GET", "/api/v1/candles/X/1m")):
        assert d.request(method, path).status == 404
    with database.connect() as db:
        assert db.execute("SELECT s.symbol, count(*) FROM candle_chunks AS k JOIN series AS s ON s.id = k.series_id "
                          "GROUP BY s.symbol").fetchall() == [("Y", 1)]


@pytest.mark.parametrize("symbol", ["BINANCE:BTCUSDT", "a/b", "S&P 500", "日本", "%2F", "..", "a?b#c", "x" * 32, "+", "é\"'<>"])
def test_symbols_are_what_a_path_says_once_it_is_decoded(daemon, symbol):
    d = daemon()
    rows = lab.made_up(3)
    assert store(d, symbol, "1d", rows)["symbol"] == symbol
    path = f"/{quoted(symbol)}/1d"
    assert d.request("GET", PATH + path).json()["symbol"] == symbol
    page = d.request("GET", f"/api/v1/candles{path}?limit=1")
    following = re.fullmatch(r'<(.*)>; rel="next"', page.headers["Link"])[1]
    assert d.request("GET", following).json()["items"] == d.request("GET", f"/api/v1/candles{path}").json()["items"][1:2]
    assert [one["symbol"] for one in d.request("GET", f"{PATH}?symbol={quoted(symbol)}").json()["items"]] == [symbol]
    assert d.request("DELETE", PATH + path).status == 204


@pytest.mark.parametrize("path,pointer", [("x" * 33 + "/1d", "path:symbol"), ("X/1D", "path:timeframe"), ("X/60", "path:timeframe")])
def test_names_that_no_series_can_have_are_refused(daemon, path, pointer):
    answer = daemon().request("GET", f"{PATH}/{path}")
    assert answer.status == 422 and [one["pointer"] for one in answer.json()["errors"]] == [pointer]
