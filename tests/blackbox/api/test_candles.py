"""Candles: files that come, and what is read of them."""
import concurrent.futures
import datetime
import gzip
import io
import json
import os
import re
import threading
import urllib.parse
import zipfile
from decimal import Decimal

import pytest
from support import lab
from support.lab import quoted, text_of

PATH = "/api/v1/candles"
HOUR = 3600


def send(d, symbol, timeframe, body, kind="text/csv", **query):
    return d.request("POST", f"{PATH}/{quoted(symbol)}/{timeframe}?{urllib.parse.urlencode(query)}", body, {"Content-Type": kind})


def store(d, symbol, timeframe, body, kind="text/csv", **query):
    answer = send(d, symbol, timeframe, text_of(body) if isinstance(body, list) else body, kind, **query)
    assert answer.status == 200, answer.text
    return answer.json()


def counts(report):
    return {name: report[name] for name in ("read", "new", "equal", "replaced", "conflicts", "rejected")}


def counted(**some):
    return {**dict.fromkeys(("read", "new", "equal", "replaced", "conflicts", "rejected"), 0), **some}


def problem(answer, status, code):
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code, answer.text
    return answer.json()


def pages(d, symbol, timeframe, **query):
    """All candles of all pages, as lists with their digits."""
    found, path = [], f"{PATH}/{quoted(symbol)}/{timeframe}?{urllib.parse.urlencode(query)}"
    while path is not None:
        answer = d.request("GET", path)
        assert answer.status == 200, answer.text
        page = json.loads(answer.body, parse_float=str, parse_int=str)
        found += [[*one.values()] for one in page["items"]]
        link = answer.headers["Link"]
        assert (link is None) == (page["next"] is None)
        path = None if link is None else re.fullmatch(r'<(.*)>; rel="next"', link)[1]
    return found


def plain(rows):
    """Rows of made_up as pages() has them."""
    return [[row[0], *(f"{value:.2f}" for value in row[1:5]), f"{row[5]:g}"] for row in rows]


# ---- What comes is what is read ----

def test_candles_come_back_with_all_their_digits(daemon):
    d = daemon()
    rows = ["2024-01-01T00:00:00Z,0.10000001,0.3,0.1,0.25,12345678.12345678", "2024-01-01T01:00:00Z,1,1.5,0.5,1.25,0",
            "2024-01-01T02:00:00Z,99999.99999999,99999.99999999,1e-8,5,3"]
    report = store(d, "X", "1h", "time,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    assert counts(report) == counted(read=3, new=3)
    assert (report["symbol"], report["timeframe"], report["first"], report["last"], report["revision"]) == (
        "X", "1h", "2024-01-01T00:00:00Z", "2024-01-01T02:00:00Z", 1)
    found = pages(d, "X", "1h")
    assert [[one[0], *map(Decimal, one[1:])] for one in found] == [
        [line.split(",")[0], *map(Decimal, line.split(",")[1:])] for line in rows]
    assert found[0][1] == "0.10000001" and found[0][5] == "12345678.12345678"


def test_csv_is_what_accept_prefers_and_can_be_sent_again(daemon):
    d = daemon()
    store(d, "X", "1m", lab.made_up(2500, minutes=1))
    path = f"{PATH}/X/1m?limit=10000"
    asked = {"application/json": "application/json", "text/csv": "text/csv", "text/*": "text/csv", "*/*": "application/json",
             "text/csv;q=0.4, application/json;q=0.5": "application/json", "text/csv, application/json;q=0.5": "text/csv",
             "application/json;q=0, */*": "text/csv"}
    for accept, kind in asked.items():
        answer = d.request("GET", path, headers={"Accept": accept})
        assert (answer.status, answer.headers["Content-Type"]) == (200, kind), accept
        assert "Accept" in answer.headers["Vary"]
    answer = d.request("GET", path, headers={"Accept": "image/png"})
    problem(answer, 406, "not_acceptable")
    assert "application/json or text/csv" in answer.text and "Accept" in answer.headers["Vary"]
    csv = d.request("GET", path, headers={"Accept": "text/csv"}).text
    assert csv.count("\n") == 2501 and csv.startswith("time,open,high,low,close,volume\n2024-01-01T00:00:00Z,100.00,")
    assert counts(store(d, "X", "1m", csv)) == counted(read=2500, equal=2500)
    store(d, "Y", "1m", csv)
    assert pages(d, "Y", "1m") == pages(d, "X", "1m")


@pytest.mark.parametrize("name,media_type", [("plain", "text/csv"), ("gzip", "application/gzip"), ("zip", "application/zip")])
def test_files_may_be_packed(daemon, name, media_type):
    d = daemon()
    rows = lab.made_up(500, minutes=5)
    body = text_of(rows).encode()
    if name == "gzip":
        body = gzip.compress(body)
    if name == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("readme.txt", "nothing of candles")
            z.writestr("a.csv", body)
        body = packed.getvalue()
    report = store(d, "X", "5m", body, media_type)
    assert counts(report) == counted(read=500, new=500)
    assert pages(d, "X", "5m", limit=77) == plain(rows)


FORMATS = {
    "binance": "1704067200000,42283.58,42298.62,42261.02,42298.61,35.92724000,1704067259999,1519032.03,1327,20.18,853.2,0\n"
               "1704067260000,42298.62,42320.00,42298.61,42320.00,21.16779000,1704067319999,895580.08,1348,11.07,468.8,0\n",
    "kraken": "1704067200,42283.58,42298.62,42261.02,42298.61,35.92724000,1327\n"
              "1704067260,42298.62,42320.00,42298.61,42320.00,21.16779000,1348\n",
    "metatrader": "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
                  "2024.01.01\t00:00:00\t42283.58\t42298.62\t42261.02\t42298.61\t35\t0\t1\n"
                  "2024.01.01\t00:01:00\t42298.62\t42320.00\t42298.61\t42320.00\t21\t0\t1\n",
    "plain": "2024-01-01 00:00:00,42283.58,42298.62,42261.02,42298.61,35.9\n2024-01-01 00:01:00,42298.62,42320.00,42298.61,42320.00,21.1\n",
    "generic": "close;high;low;open;date\n42298.61;42298.62;42261.02;42283.58;2024-01-01T00:00\n42320.00;42320.00;42298.61;42298.62;2024-01-01T00:01\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_found_or_named(daemon, name):
    d = daemon()
    assert store(d, "X", "1m", FORMATS[name])["format"] == name
    assert counts(store(d, "X", "1m", FORMATS[name], format=name)) == counted(read=2, equal=2)
    assert [one[:5] for one in pages(d, "X", "1m")] == [
        ["2024-01-01T00:00:00Z", "42283.58", "42298.62", "42261.02", "42298.61"],
        ["2024-01-01T00:01:00Z", "42298.62", "42320.00", "42298.61", "42320.00"]]


def test_local_times_and_times_of_closing(daemon):
    d = daemon()
    body = "time,open,high,low,close\n2024-07-01 10:30,1,1,1,1\n2024-07-01 11:30,1,1,1,1\n2024-07-01 12:00,1,1,1,1\n"
    report = store(d, "X", "30m", body, timezone="America/New_York", stamp="close")
    assert [one[0] for one in pages(d, "X", "30m")] == ["2024-07-01T14:00:00Z", "2024-07-01T15:00:00Z", "2024-07-01T15:30:00Z"]
    assert (report["missing"], report["gaps"]) == (1, [{"first": "2024-07-01T14:30:00Z", "last": "2024-07-01T14:30:00Z", "bars": 1}])
    store(d, "Y", "30m", body, timezone="+05:30")
    assert pages(d, "Y", "30m")[0][0] == "2024-07-01T05:00:00Z"


def test_adjusted_prices_are_another_series(daemon):
    d = daemon()
    body = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,12,8,10,5,100\n2024-01-03,10,12,8,10,5,100\n"
    report = store(d, "PLAIN", "1d", body)
    assert any("adjusted=true" in remark for remark in report["remarks"])
    store(d, "X", "1d", body, adjusted="true")
    assert [float(value) for value in pages(d, "X", "1d")[0][1:5]] == [5, 6, 4, 5]
    assert d.request("GET", "/api/v1/series/X/1d").json()["adjusted"] is True
    problem(send(d, "X", "1d", body), 409, "candles_adjusted")
    problem(send(d, "PLAIN", "1d", body, adjusted="true"), 409, "candles_adjusted")
    problem(send(d, "X", "1d", text_of(lab.made_up(3)), adjusted="true"), 422, "candles_invalid")


# ---- What is there already ----

def test_an_import_that_comes_twice_or_in_parts_changes_nothing(daemon, database):
    d = daemon()
    rows = lab.made_up(5000, minutes=1, start="1969-12-31")  # addresses below and above zero
    store(d, "WHOLE", "1m", rows)
    for part in (rows[3000:], rows[:1000], rows[500:3500], rows[:1000][::-1]):
        store(d, "PARTS", "1m", part)
    report = store(d, "PARTS", "1m", rows)
    assert counts(report) == counted(read=5000, equal=5000) and report["revision"] == 3
    with database.connect() as db:
        chunks = db.execute("SELECT s.symbol, array_agg(k.sha256 ORDER BY k.address), min(k.address), max(k.address) "
                            "FROM candle_chunks AS k JOIN series AS s ON s.id = k.series_id GROUP BY s.symbol ORDER BY 1").fetchall()
        assert chunks[0][1:] == chunks[1][1:] and chunks[0][2:] == (-1, 1)
        changes = db.execute("SELECT c.revision, c.first_ms, c.last_ms FROM series_changes AS c JOIN series AS s ON s.id = c.series_id "
                             "WHERE s.symbol = 'PARTS' ORDER BY 1").fetchall()
    start = -86400_000
    assert changes == [(2, start, start + 999 * 60_000), (3, start + 1000 * 60_000, start + 2999 * 60_000)]
    assert pages(d, "PARTS", "1m", limit=3000) == plain(rows)


def test_rows_that_contradict_are_refused_with_their_lines_and_nothing_is_stored(daemon):
    d = daemon()
    rows = lab.made_up(50, minutes=60)
    store(d, "X", "1h", rows[:40])
    other = [list(row) for row in rows]
    other[7][5] = 7.5
    other[9][5] = 9.5
    answer = problem(send(d, "X", "1h", text_of(other)), 409, "candles_conflict")
    assert [one["pointer"] for one in answer["errors"]] == ["line:9", "line:11"]
    assert "2024-01-01T07:00:00Z" in answer["errors"][0]["detail"] and answer["detail"].startswith("2 of the rows")
    assert pages(d, "X", "1h") == plain(rows[:40])
    assert d.request("GET", "/api/v1/series/X/1h").json()["revision"] == 1
    report = store(d, "X", "1h", text_of(other), replace="true")
    assert counts(report) == counted(read=50, new=10, equal=38, replaced=2) and report["revision"] == 2
    assert pages(d, "X", "1h") == plain(other)
    twice = text_of(rows[:3]) + ",".join(map(str, other[7])) + "\n" + ",".join(map(str, rows[7])) + "\n"
    answer = problem(send(d, "NEW", "1h", twice), 409, "candles_conflict")
    assert [one["pointer"] for one in answer["errors"]] == ["line:6"]
    assert d.request("GET", "/api/v1/series/NEW/1h").status == 404


def test_imports_at_the_same_time_lose_nothing(daemon):
    d = daemon(workers=2)
    rows, clients = lab.made_up(1200, minutes=1), 4
    start = threading.Barrier(clients)

    def work(k):
        """Every fourth row: all clients write to the same chunk. Whoever was beaten three times is told so, and tries again."""
        with d.client() as client:
            start.wait()
            for at in range(0, 1200, 200):
                body = text_of(rows[at:at + 200][k::clients])
                while True:
                    answer = client.request("POST", f"{PATH}/X/1m", body, {"Content-Type": "text/csv"})
                    if answer.status == 200:
                        break
                    assert answer.status in (409, 503) and answer.json()["code"] in ("conflict", "overloaded", "database_busy"), answer.text

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(work, k) for k in range(clients)]:
            done.result()
    assert pages(d, "X", "1m", limit=5000) == plain(rows)
    assert d.request("GET", "/api/v1/series/X/1m").json()["bars"] == 1200


def test_wrong_rows_are_rejected_one_by_one_and_gaps_are_listed(daemon):
    d = daemon()
    rows = lab.made_up(30, minutes=60)
    lines = text_of(rows[:5] + rows[8:10] + rows[11:]).splitlines()
    lines.insert(3, "2024-01-01T01:30:00Z,1,1,1,1,1")  # off the grid
    lines.insert(5, "2024-01-01T02:00:00Z,5,4,6,5,1")  # the high is below the low
    lines.append("yesterday,1,1,1,1,1")
    report = store(d, "X", "1h", "\n".join(lines))
    assert counts(report) == counted(read=29, new=26, rejected=3)
    assert [one["line"] for one in report["rejections"]] == [4, 6, 30]
    assert "high is below the low" in report["rejections"][1]["reason"]
    assert report["missing"] == 4 and report["gaps"] == [
        {"first": "2024-01-01T05:00:00Z", "last": "2024-01-01T07:00:00Z", "bars": 3},
        {"first": "2024-01-01T10:00:00Z", "last": "2024-01-01T10:00:00Z", "bars": 1}]
    assert d.request("GET", "/api/v1/series/X/1h").json()["missing"] == 4


def test_what_is_no_file_of_candles_is_refused_with_the_reason(daemon):
    d = daemon()
    rows = lab.made_up(100, minutes=60)
    far = [[f"{year}-01-01T00:00:00Z", 1, 1, 1, 1, 1] for year in range(1900, 2000)]
    huge = [["2024-01-01T00:00:00Z", 1, 1, 1, 1, "1.7e308"], ["2024-01-01T01:00:00Z", 1, 1, 1, 1, "1.7e308"]]
    bomb = b"time,open,high,low,close\n" + b" " * (64 << 20)
    cases = [("1h", "hello\nworld\n", "line 1 is"), ("1h", "time,open,high,low,close\n", "no rows"), ("5m", text_of(rows), "timeframe 1h, not 5m"),
             ("1d", text_of(rows), "95 of 100 times"), ("1h", "time,open,high,low,close\nx,1,1,1,1\n", ""), ("1h", text_of(far), "spread over"),
             ("1h", gzip.compress(bomb), "body"), ("1h", text_of(huge), "too large"), ("1h", gzip.compress(text_of(rows).encode())[:-20], "body"), ("1h", b"\x00\xff" * 50, "body"),
             ("1m", text_of([["2024-01-01T00:00:00Z", 1, 1, 1, 1, 1]] * 50000).encode() * 3, "")]
    for timeframe, body, why in cases[:-1]:
        answer = problem(send(d, "X", timeframe, body), 422, "candles_invalid")
        assert why in answer["errors"][0]["detail"], answer
    packed = gzip.compress(cases[-1][1])
    answer = problem(send(d, "X", "1m", packed, "application/gzip"), 422, "candles_invalid")
    assert "rows" in answer["errors"][0]["detail"] or "bytes" in answer["errors"][0]["detail"], answer
    assert d.request("GET", "/api/v1/series").json()["items"] == []


@pytest.mark.parametrize("query,pointer", [("format=excel", "query:format"), ("timezone=Mars", "query:timezone"), ("stamp=middle", "query:stamp"),
                                           ("adjusted=1", "query:adjusted"), ("replace=yes", "query:replace"), ("x=1", "query:x")])
def test_parameters_of_an_import(daemon, query, pointer):
    answer = daemon().request("POST", f"{PATH}/X/1d?{query}", text_of(lab.made_up(3)), {"Content-Type": "text/csv"})
    assert answer.status == 422 and [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_control_characters_are_no_symbol(daemon):
    answer = daemon().request("POST", f"{PATH}/a%0Ab/1d", text_of(lab.made_up(3)), {"Content-Type": "text/csv"})
    assert answer.status == 422 and answer.json()["errors"][0]["pointer"] == "path:symbol"


def test_bodies_have_the_media_type_of_a_file(daemon):
    d = daemon()
    answer = send(d, "X", "1d", "{}", "application/json")
    problem(answer, 415, "unsupported_media_type")
    assert answer.headers["Accept"] == "text/csv, application/gzip, application/zip"
    assert send(d, "X", "1d", "").status == 400
    large = "time,open,high,low,close\n" + "#" * (2 << 20)
    assert send(d, "X", "1d", large).status == 413


# ---- Reading ----

def test_spans_and_pages(daemon):
    d = daemon()
    rows = lab.made_up(6000, minutes=1)
    del rows[2100:4200]  # a chunk and more that is not there
    store(d, "X", "1m", rows)
    for limit in (1, 7, 1000, 10000):
        if limit > 1:
            assert pages(d, "X", "1m", limit=limit) == plain(rows)
    for start, end in (("2024-01-01T00:00:30Z", "2024-01-01T00:10:00Z"), ("2024-01-02T10:59:00+01:00", "2024-01-03T02:00:00.5Z"),
                       ("1800-01-01T00:00:00Z", "2024-01-01T00:00:01Z"), ("2024-01-05T00:00:00Z", "9990-01-01T00:00:00Z"),
                       ("2024-01-03T00:00:00Z", "2024-01-02T00:00:00Z"), ("0001-01-01T00:00:00Z", "0001-01-02T00:00:00Z")):
        begins, ends = (datetime.datetime.fromisoformat(at.replace("Z", "+00:00")) for at in (start, end))
        expected = [one for one in plain(rows) if begins <= datetime.datetime.fromisoformat(one[0].replace("Z", "+00:00")) < ends]
        for limit in (500, 3):
            if limit > 100 or len(expected) < 100:
                assert pages(d, "X", "1m", start=start, end=end, limit=limit) == expected, (start, end)
    assert d.request("GET", f"{PATH}/X/1m").json()["next"] == rows[1000][0]
    assert d.request("GET", f"{PATH}/X/1m?limit=10001").status == 422
    assert d.request("HEAD", f"{PATH}/X/1m").status == 200


def test_bars_far_apart_come_in_pages_of_few(daemon):
    """Each in a chunk of its own, so that one answer does not read them all."""
    d = daemon()
    rows = []
    for day in range(0, 150, 3):
        moment = datetime.datetime(2024, 1, 1, 0, day % 7, tzinfo=datetime.timezone.utc) + datetime.timedelta(days=day)
        rows.append([moment.strftime("%Y-%m-%dT%H:%M:%SZ"), 1.0, 1.0, 1.0, 1.0, 1])
    store(d, "X", "1m", rows)
    assert [one[0] for one in pages(d, "X", "1m", limit=10000)] == [row[0] for row in rows]
    assert len(d.request("GET", f"{PATH}/X/1m?limit=10000").json()["items"]) < len(rows)
    assert [one[0] for one in pages(d, "X", "1d", limit=10000)] == [row[0][:10] + "T00:00:00Z" for row in rows]


def derived(rows, seconds):
    """An independent one: by the division of times."""
    made = {}
    for time, first, high, low, last, volume in rows:
        at = int(datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()) // seconds * seconds
        name = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        old = made.get(name)
        made[name] = [name, first, high, low, last, volume] if old is None else [
            name, old[1], max(old[2], high), min(old[3], low), last, round(old[5] + volume, 1)]
    return list(made.values())


def test_higher_timeframes_are_made_of_the_finest_and_never_mixed(daemon):
    d = daemon()
    rows = lab.made_up(9000, minutes=1, start="2024-01-01T00:30")
    del rows[4000:4130]
    for at in range(0, 9000, 6000):
        store(d, "X", "1m", rows[at:at + 6000])
    store(d, "X", "15m", [[row[0], 1, 1, 1, 1, 1] for row in lab.made_up(4, minutes=15)])  # a finer one is there for 1h
    for timeframe, seconds in (("1h", HOUR), ("5m", 300), ("1d", 24 * HOUR)):
        expected = plain(derived(rows, seconds))
        for limit in (10000, 5 if timeframe != "5m" else 100):
            found = pages(d, "X", timeframe, limit=limit)
            assert [one[:5] for one in found] == [one[:5] for one in expected]
            for one, other in zip(found, expected, strict=True):
                assert abs(float(one[5]) - float(other[5])) < 0.1
    assert len(pages(d, "X", "15m")) == 4  # the stored one
    assert d.request("GET", f"{PATH}/X/1w").json()["items"][0]["open"] == rows[0][1]
    for path in ("X2/1h", "x/1h"):
        assert d.request("GET", f"{PATH}/{path}").status == 404
    store(d, "H", "1h", lab.made_up(5, minutes=60))
    assert d.request("GET", f"{PATH}/H/30m").status == 404


def test_a_damaged_chunk_is_found_and_not_answered(daemon, database):
    d = daemon(workers=1)
    store(d, "X", "1m", lab.made_up(10, minutes=1))
    with database.connect() as db:
        db.execute("UPDATE candle_chunks SET packed = set_byte(packed, 0, 77), sha256 = sha256(set_byte(packed, 0, 77))")
    for path in ("X/1m", "X/1m", "X/5m"):
        assert d.request("GET", f"{PATH}/{path}").status == 500
    told = d.wait_log(r'level=error .*msg="stored candles are damaged[^\n]*').group(0)
    address = 1704067200000 // 60000 // 2048
    assert "symbol=X timeframe=1m" in told and f" chunk={address} from={datetime.datetime.fromtimestamp(address * 2048 * 60, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ} " in told and "chunk of candles" in told
    answer = problem(send(d, "X", "1m", text_of(lab.made_up(10, minutes=1))), 409, "candles_damaged")
    assert answer["detail"].startswith("The 10 stored candles from 2024-01-01T00:00:00Z to 2024-01-01T00:09:00Z are damaged")
    problem(send(d, "X", "1m", text_of(lab.made_up(9, minutes=1)), replace="true"), 409, "candles_damaged")
    report = store(d, "X", "1m", lab.made_up(12, minutes=1), replace="true")  # all of it takes its place
    assert counts(report) == counted(read=12, new=0, replaced=12)
    assert pages(d, "X", "1m") == plain(lab.made_up(12, minutes=1))
    assert d.log().count("stored candles are damaged") == 1


def test_the_example_of_the_repository(daemon):
    d = daemon()
    with open(os.path.join(lab.TOP, "examples", "candles.csv"), encoding="utf-8") as f:
        body = f.read()
    report = store(d, "DEMO:X", "1d", body)
    assert report["read"] == report["new"] == body.count("\n") - 1
    assert [one[1:5] for one in pages(d, "DEMO:X", "1d")] == [line.split(",")[1:5] for line in body.splitlines()[1:]]
