"""`backtestd candles` on the database: import, export, list, verify and delete."""
import contextlib
import datetime
import gzip
import hashlib
import json
import os
import secrets
import signal
import subprocess
import threading
import types
import urllib.parse
import zipfile

import psycopg
import pytest
from support import daemon as daemons
from support.lab import made_up
from support.wait import SLOWNESS, wait_until

SYMBOL = "TEST:ABC"
HEAD = "time,open,high,low,close,volume\n"
PIECE, CHUNK = 64, 2048  # chunks in a transaction, candles in a chunk
WAIT = 60  # seconds, for what takes less than one


def text_of(rows):
    return HEAD + "".join(",".join(map(str, row)) + "\n" for row in rows)


def spread(count, first=0, step=1, price="1"):
    """Candles of 1m that are each the only one of their chunk, so that few of them are many pieces."""
    rows = made_up(count, minutes=CHUNK, start="2000-01-01")
    return text_of([[row[0], price, price, price, price, "1.5"] for row in rows[first::step]])


@pytest.fixture
def owner(database, stratslabd):
    """The database with its tables; .connect() as the superuser."""
    daemons.migrate(stratslabd, database.url)
    return database


@pytest.fixture
def candles(backtestd, owner):
    """candles("list", "--json"): the command with the API's role, to its end."""
    def run(*words, **options):
        settings = {"DATABASE_URL": owner.api_url, **options}
        return daemons.run(backtestd, "candles", *(str(word) for word in words), **settings)

    return run


@pytest.fixture
def start(backtestd, owner):
    """start(words…): the command on its way, a process; .end() is what came of it. None is left behind."""
    started = []

    def run(*words):
        env = daemons.environment({"DATABASE_URL": owner.api_url, "database_lock_timeout": "10min", "database_statement_timeout": "10min"})
        process = subprocess.Popen([backtestd, "candles", *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        started.append(process)

        def end():
            out, err = process.communicate(timeout=WAIT * SLOWNESS)
            return types.SimpleNamespace(returncode=process.returncode, stdout=out, stderr=err)

        return types.SimpleNamespace(process=process, end=end)

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.fixture
def gate(owner):
    """gate(revision): a change of a series to this revision or a later one waits, from now on, until the answer's open(). `waiting(n)` waits
    until so many sessions wait for something."""
    with owner.connect() as db:
        def close(revision):
            db.execute("SELECT pg_advisory_lock(4711)")
            with psycopg.connect(owner.url, autocommit=True) as own:
                own.execute(f"""CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
                    BEGIN IF NEW.revision >= {revision} THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF; RETURN NEW; END $$;
                    CREATE TRIGGER gate AFTER INSERT OR UPDATE ON series FOR EACH ROW EXECUTE FUNCTION gate()""")
            return types.SimpleNamespace(open=lambda: db.execute("SELECT pg_advisory_unlock(4711)"), waiting=waiting)

        def waiting(count):
            wait_until(lambda: db.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN "
                                          "(SELECT pid FROM pg_stat_activity WHERE datname = %s)", [owner.name]).fetchone()[0] == count,
                       WAIT, f"{count} sessions to wait for a lock")

        yield close


def ok(done):
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def report(done, returncode=0):
    assert done.returncode == returncode, done
    return json.loads(done.stdout)


def listed(candles):
    return {(one["symbol"], one["timeframe"]): one for one in json.loads(ok(candles("list", "--json")))["series"]}


def chunks(owner, symbol):
    with owner.connect() as db:
        return db.execute("SELECT k.address, k.bars, k.sha256 FROM candle_chunks AS k JOIN series AS s ON s.id = k.series_id "
                          "WHERE s.symbol = %s ORDER BY k.address", [symbol]).fetchall()


def counts(told):
    return {name: told[name] for name in ("read", "new", "equal", "replaced", "conflicts", "rejected") if told[name] > 0}


def test_from_import_to_export(candles, run, files, owner):
    path = files.text("abc.csv", text_of(made_up(5000, minutes=60)))
    told = ok(candles("import", path, "--symbol", SYMBOL))
    assert "timeframe   1h (found from the times)" in told and "rows        5000 read, 5000 new\n" in told, told
    one = listed(candles)[SYMBOL, "1h"]
    assert (one["bars"], one["missing"], one["tick"], one["lot"], one["revision"]) == (5000, 0, 0.01, 0.1, 1)
    assert (one["first"], one["last"]) == ("2024-01-01T00:00:00Z", "2024-07-27T07:00:00Z") and not one["adjusted"]
    table = ok(candles("list")).splitlines()
    assert table[0].split() == ["SYMBOL", "TIMEFRAME", "CANDLES", "MISSING", "FIRST", "LAST", "TICK", "SIZE"]
    assert table[1].split()[:7] == [SYMBOL, "1h", "5000", "0", one["first"], one["last"], "0.01"] and len(table) == 2
    assert "3 chunks, 5000 candles: all is as it was stored" in ok(candles("verify"))

    exported = ok(candles("export", SYMBOL, "1h"))
    assert exported.startswith(HEAD) and exported.count("\n") == 5001
    assert ok(candles("export", SYMBOL, "1h", "--output", files.folder / "out.csv")) == ""
    assert (files.folder / "out.csv").read_text() == exported
    ok(candles("import", "-", "--symbol", "OTHER", stdin=exported))
    assert [row[1:] for row in chunks(owner, "OTHER")] == [row[1:] for row in chunks(owner, SYMBOL)]

    strategy = files.json("s.json", {"kind": "buy_and_hold", "parameters": {}})
    results = [report(run("run", "--strategy", strategy, "--candles", one, "--json")) for one in (path, files.folder / "out.csv")]
    assert results[0] == results[1]
    stored = hashlib.sha256(b"".join(row[2] for row in chunks(owner, SYMBOL))).hexdigest()
    assert results[0]["data"] == hashlib.sha256(f"{stored} tick 2 lot 1".encode()).hexdigest()
    own = files.json("execution.json", {"tick": 0.01, "lot": 0.1})
    assert report(run("run", "--strategy", strategy, "--candles", path, "--execution", own, "--json"))["data"] == stored


def test_numbers_survive_as_they_are(candles, files, owner):
    """Prices with more digits than most, whole volumes, a gap, times before 1970."""
    text = (HEAD + "1969-12-31T23:58:00Z,0.1,0.5,0.1,0.30000000000000004,1\n1969-12-31T23:59:00Z,1.5,1.5,1.5,1.5,0\n"
            "1970-01-01T00:10:00Z,123456.789,123456.789,0.00000001,1,1e-9\n")
    ok(candles("import", files.text("a.csv", text), "--symbol", SYMBOL, "--timeframe", "1m"))
    exported = ok(candles("export", SYMBOL, "1m"))
    ok(candles("import", "-", "--symbol", "OTHER", "--timeframe", "1m", stdin=exported))
    assert chunks(owner, "OTHER") == chunks(owner, SYMBOL)
    assert ok(candles("export", "OTHER", "1m")) == exported
    assert listed(candles)[SYMBOL, "1m"]["missing"] == 10


def test_again_it_changes_nothing(candles, files, owner):
    path = files.text("abc.csv", text_of(made_up(3000)))
    assert counts(report(candles("import", path, "--symbol", SYMBOL, "--json"))) == {"read": 3000, "new": 3000}
    before = listed(candles)
    told = report(candles("import", path, path, "--symbol", SYMBOL, "--json"))
    assert counts(told) == {"read": 6000, "equal": 6000} and told["imported"] and told["stored"]["bars"] == 3000
    assert listed(candles) == before
    more = files.text("more.csv", text_of(made_up(3010)))
    assert counts(report(candles("import", more, "--symbol", SYMBOL, "--json"))) == {"read": 3010, "new": 10, "equal": 3000}
    assert listed(candles)[SYMBOL, "1d"]["revision"] == 2
    ok(candles("import", more, "--symbol", "WHOLE"))
    assert chunks(owner, "WHOLE") == chunks(owner, SYMBOL)


def test_packed_files_and_several(candles, files, owner):
    text = text_of(made_up(100))
    lines = text.splitlines(keepends=True)
    with gzip.open(files.folder / "a.csv.gz", "wt") as f:
        f.write(text)
    with zipfile.ZipFile(files.folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.csv", "".join(lines[:60]))
        z.writestr("b.csv", lines[0] + "".join(lines[60:]))
    ok(candles("import", files.folder / "a.csv.gz", "--symbol", "GZ"))
    ok(candles("import", files.folder / "a.zip", "--symbol", "ZIP"))
    ok(candles("import", files.text("1.csv", lines[0] + "".join(lines[50:])), files.text("2.csv", "".join(lines[:50])), "--symbol", "TWO"))
    assert chunks(owner, "GZ") == chunks(owner, "ZIP") == chunks(owner, "TWO") != []


def test_a_file_of_several_symbols(candles, files):
    rows = "symbol,time,open,high,low,close\nABC,2024-01-01,1,1,1,1\nXYZ,2024-01-01,2,2,2,2\nABC,2024-01-02,1,1,1,1\n"
    told = report(candles("import", files.text("a.csv", rows), "--symbol", SYMBOL, "--json"))
    assert counts(told) == {"read": 3, "new": 2} and told["others"] == 1
    done = candles("import", files.text("a.csv", rows), "--symbol", "NONE")
    assert done.returncode == 65 and "none of its 3 rows has the symbol NONE" in done.stderr


def test_what_contradicts_is_refused_as_a_whole(candles, files, owner):
    """Also what does not contradict, in the same import, however many pieces it has."""
    ok(candles("import", files.text("a.csv", spread(10, first=5)), "--symbol", SYMBOL, "--timeframe", "1m"))
    before = chunks(owner, SYMBOL)
    path = files.text("b.csv", spread(3 * PIECE, price="2"))
    done = candles("import", path, "--symbol", SYMBOL, "--timeframe", "1m", "--json")
    told = report(done, 65)
    assert counts(told) == {"read": 192, "new": 187, "conflicts": 5} and told["imported"] is False
    assert len(told["contradictions"]) == 5 and "stored is 1,1,1,1,1.5, but 2,2,2,2,1.5 comes" in told["contradictions"][0]["reason"]
    assert "nothing was stored: 5 rows contradict what is stored" in done.stderr and "--replace" in done.stderr
    assert chunks(owner, SYMBOL) == before
    told = report(candles("import", path, "--symbol", SYMBOL, "--timeframe", "1m", "--json", "--replace"))
    assert counts(told) == {"read": 192, "new": 187, "replaced": 5} and told["stored"]["bars"] == 192
    ok(candles("import", path, "--symbol", "WHOLE", "--timeframe", "1m"))
    assert chunks(owner, "WHOLE") == chunks(owner, SYMBOL)


def test_a_row_that_contradicts_another_of_the_files(candles, files):
    text = HEAD + "2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n2024-01-02,2,2,2,2,2\n"
    done = candles("import", files.text("a.csv", text), "--symbol", SYMBOL, "--json")
    assert counts(report(done, 65)) == {"read": 3, "new": 2, "conflicts": 1} and listed(candles) == {}
    assert counts(report(candles("import", files.text("a.csv", text), "--symbol", SYMBOL, "--json", "--replace")))["replaced"] == 1
    assert "2024-01-02T00:00:00Z,2,2,2,2,2\n" in ok(candles("export", SYMBOL, "1d"))


def test_wrong_rows_are_told_and_the_others_stored(candles, files):
    rows = made_up(20)
    rows[3][2] = "0.5"
    rows[7][0] = "yesterday"
    done = candles("import", files.text("a.csv", text_of(rows)), "--symbol", SYMBOL)
    assert done.returncode == 65 and "20 read, 18 new, 2 rejected" in done.stdout
    assert "a.csv:5: the high is below the low" in done.stdout and "a.csv:9: the time is not" in done.stdout
    assert "2 rows are wrong and were not stored; the others are" in done.stderr
    assert listed(candles)[SYMBOL, "1d"]["bars"] == 18 and "missing candles: 2 in 2 gaps" in done.stdout


def test_candles_of_another_timeframe_than_said_are_not_thinned_out(candles, files):
    path = files.text("a.csv", text_of(made_up(100, minutes=15)))
    done = candles("import", path, "--symbol", SYMBOL, "--timeframe", "1h")
    assert done.returncode == 65 and "75 of 100 rows are not on the grid of 1h" in done.stderr
    assert listed(candles) == {}


def test_adjusted_prices_do_not_mix_with_others(candles, files):
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,10,10,10,5,1\n2024-01-03,10,10,10,10,5,1\n"
    path = files.text("a.csv", text)
    ok(candles("import", path, "--symbol", SYMBOL, "--adjusted"))
    assert listed(candles)[SYMBOL, "1d"]["adjusted"] and "1d (adjusted)" in ok(candles("list"))
    done = candles("import", path, "--symbol", SYMBOL, "--replace")
    assert done.returncode == 65 and "has adjusted prices: import this with --adjusted, or delete it first" in done.stderr


@pytest.mark.parametrize("words", [("--symbol", "x" * 33), ("--symbol", "a\tb")])
def test_a_symbol_that_cannot_be(candles, files, words):
    done = candles("import", files.text("a.csv", spread(2)), *words)
    assert done.returncode == 64 and "--symbol must have 1 to 32 characters" in done.stderr


def test_an_import_that_was_killed_goes_on(candles, start, gate, files, owner):
    path = files.text("a.csv", spread(3 * PIECE + 8))
    held = gate(3)
    one = start("import", path, "--symbol", SYMBOL, "--timeframe", "1m")
    held.waiting(1)
    one.process.kill()
    assert one.end().returncode == -9
    held.open()
    assert listed(candles)[SYMBOL, "1m"]["bars"] in (2 * PIECE, 3 * PIECE)  # what was sent may be done after the end of who sent it
    wait_until(lambda: not owner_sessions(owner), WAIT, "the server to notice")
    there = listed(candles)[SYMBOL, "1m"]["bars"]
    told = report(candles("import", path, "--symbol", SYMBOL, "--timeframe", "1m", "--json"))
    assert counts(told) == {"read": 200, "new": 200 - there, "equal": there} and told["stored"]["bars"] == 200
    ok(candles("import", path, "--symbol", "WHOLE", "--timeframe", "1m"))
    assert chunks(owner, "WHOLE") == chunks(owner, SYMBOL)
    ok(candles("verify"))


def owner_sessions(owner):
    with owner.connect() as db:
        return db.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s AND usename = %s", [owner.name, owner.api_role]).fetchall()


def test_two_imports_at_once(start, candles, gate, files, owner):
    """The one holds the series' row in its second piece, the other waits for it, finds that it came too late, and merges again."""
    halves = [files.text(f"{i}.csv", spread(4 * PIECE, first=i, step=2)) for i in (0, 1)]
    held = gate(2)
    both = [start("import", path, "--symbol", SYMBOL, "--timeframe", "1m") for path in halves]
    held.waiting(2)
    held.open()
    for one in both:
        done = one.end()
        assert done.returncode == 0, done
    ok(candles("import", files.text("all.csv", spread(4 * PIECE)), "--symbol", "WHOLE", "--timeframe", "1m"))
    assert chunks(owner, "WHOLE") == chunks(owner, SYMBOL) and len(chunks(owner, SYMBOL)) == 4 * PIECE
    ok(candles("verify"))


def test_another_import_that_contradicts_comes_first(start, gate, files, owner):
    """What was new when it was looked at is a conflict when it is written: of the one or the other import."""
    held = gate(1)
    both = [start("import", files.text(f"{price}.csv", spread(10, price=price)), "--symbol", SYMBOL, "--timeframe", "1m") for price in "12"]
    held.waiting(2)
    held.open()
    ends = sorted((one.end() for one in both), key=lambda done: done.returncode)
    assert [done.returncode for done in ends] == [0, 65], ends
    assert "another import has stored other values of 10 candles meanwhile" in ends[1].stderr
    assert len(chunks(owner, SYMBOL)) == 10


def test_a_series_that_is_deleted_meanwhile(start, candles, gate, files, owner):
    ok(candles("import", files.text("a.csv", spread(2)), "--symbol", SYMBOL, "--timeframe", "1m"))
    one = None
    with owner.connect() as db, db.transaction():
        db.execute("DELETE FROM series")
        one = start("import", files.text("b.csv", spread(4)), "--symbol", SYMBOL, "--timeframe", "1m")
        with owner.connect() as other:
            wait_until(lambda: other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity "
                                             "WHERE usename = %s)", [owner.api_role]).fetchone()[0] == 1, WAIT, "the import to wait")
    done = one.end()
    assert done.returncode == 65 and f"somebody has deleted {SYMBOL} 1m meanwhile" in done.stderr, done


def slow_down(owner, seconds):
    with psycopg.connect(owner.url, autocommit=True) as own:
        own.execute(f"""CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
            CREATE TRIGGER slow BEFORE INSERT ON candle_chunks FOR EACH ROW EXECUTE FUNCTION slow()""")


def test_a_database_that_is_too_slow_for_a_piece_gets_smaller_ones(candles, files, owner):
    slow_down(owner, 0.1 * SLOWNESS)
    timeout = f"{int(2000 * SLOWNESS)}ms"
    told = report(candles("import", files.text("a.csv", spread(30)), "--symbol", SYMBOL, "--timeframe", "1m", "--json", timeout=WAIT,
                          database_statement_timeout=timeout))
    assert counts(told) == {"read": 30, "new": 30} and told["stored"]["revision"] > 1


def test_a_full_disk_of_the_database(candles, files, owner):
    with psycopg.connect(owner.url, autocommit=True) as own:
        own.execute("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN IF NEW.revision > 1 THEN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$;
            CREATE TRIGGER full_disk AFTER INSERT OR UPDATE ON series FOR EACH ROW EXECUTE FUNCTION full_disk()""")
    done = candles("import", files.text("a.csv", spread(2 * PIECE)), "--symbol", SYMBOL, "--timeframe", "1m")
    assert done.returncode == 69 and "the disk of the database is full" in done.stderr
    assert f"{PIECE} of {2 * PIECE} candles are stored, and running this again goes on there" in done.stderr


def test_timeframes_that_are_not_stored_are_derived(candles, files):
    """More than a page of chunks, so that a derived candle is made of two pages."""
    rows = [[row[0], "1", "1", "1", "1", "1"] for row in made_up(PIECE * CHUNK + 3000, minutes=1, start="2024-01-01")]
    ok(candles("import", files.text("a.csv", text_of(rows[5:])), "--symbol", SYMBOL))
    done = candles("export", SYMBOL, "1h")
    lines = done.stdout.splitlines()[1:]
    whole = (len(rows) // 60) - 1
    assert done.returncode == 0 and len(lines) == whole
    assert lines[0] == "2024-01-01T01:00:00Z,1,1,1,1,60" and {line.split(",", 1)[1] for line in lines} == {"1,1,1,1,60"}
    assert f"{SYMBOL} 1h is not stored: the candles are derived from 1m" in done.stderr
    assert "2 candles at the ends of the series are incomplete and were left out" in done.stderr
    day = candles("export", SYMBOL, "1d", "--start", "2024-02-01", "--end", "2024-02-03")
    assert day.stdout == HEAD + "2024-02-01T00:00:00Z,1,1,1,1,1440\n2024-02-02T00:00:00Z,1,1,1,1,1440\n"
    assert "left out" not in day.stderr
    done = candles("export", SYMBOL, "1m", "--start", "2024-01-01T00:06", "--end", "2024-01-01T00:08")
    assert ok(done) == HEAD + "2024-01-01T00:06:00Z,1,1,1,1,1\n2024-01-01T00:07:00Z,1,1,1,1,1\n"


def test_a_stored_timeframe_wins(candles, files):
    ok(candles("import", files.text("m.csv", text_of(made_up(300, minutes=1))), "--symbol", SYMBOL))
    ok(candles("import", files.text("h.csv", HEAD + "2024-01-01T00:00:00Z,7,7,7,7,7\n"), "--symbol", SYMBOL, "--timeframe", "1h"))
    assert ok(candles("export", SYMBOL, "1h")) == HEAD + "2024-01-01T00:00:00Z,7,7,7,7,7\n"


@pytest.mark.parametrize("words,status,said", [
    (("export", SYMBOL, "1m"), 65, f"there is no series {SYMBOL} 1m; of this symbol there is 1d"),
    (("export", "TEST:ABD", "1d"), 65, f"there is no series TEST:ABD 1d; did you mean {SYMBOL}?"),
    (("verify", "nothing of the kind"), 65, f"there is no series nothing of the kind; the symbols that are stored are {SYMBOL}"),
    (("delete", SYMBOL, "1h", "--yes"), 65, f"there is no series {SYMBOL} 1h; of this symbol there is 1d"),
    (("export", SYMBOL, "1D"), 64, '"1D" is not a timeframe (did you mean 1d?)'),
    (("export", SYMBOL, "1d", "--start", "2024-01-02", "--end", "2024-01-02"), 64, "--start must be before --end"),
    (("export", SYMBOL, "1d", "--start", "2034-01-02"), 65, "has no candles between --start and --end; the first opens at 2024-01-01T00:00:00Z"),
    (("delete", SYMBOL, "1d"), 64, "this deletes 10 candles, and asks before it does on a terminal only; here it needs --yes"),
    (("import", "/nonexistent.csv", "--symbol", "X"), 65, "/nonexistent.csv: cannot be read"),
])
def test_what_is_not_there(candles, files, words, status, said):
    ok(candles("import", files.text("a.csv", text_of(made_up(10))), "--symbol", SYMBOL))
    done = candles(*words)
    assert (done.returncode, done.stdout) == (status, "") and said in done.stderr, done
    assert listed(candles)[SYMBOL, "1d"]["bars"] == 10


def test_delete(candles, files, owner):
    ok(candles("import", files.text("a.csv", text_of(made_up(10))), "--symbol", SYMBOL))
    ok(candles("import", files.text("a.csv", text_of(made_up(10))), "--symbol", "KEPT"))
    assert ok(candles("delete", SYMBOL, "1d", "--yes")) == f"deleted {SYMBOL} 1d: 10 candles\n"
    assert list(listed(candles)) == [("KEPT", "1d")] and chunks(owner, SYMBOL) == []
    assert candles("delete", SYMBOL, "1d", "--yes").returncode == 65


def test_an_empty_database(candles):
    done = candles("list")
    assert done.returncode == 0 and done.stdout == "" and "candles import" in done.stderr
    assert json.loads(ok(candles("list", "--json"))) == {"series": []}
    assert "0 series, 0 chunks" in ok(candles("verify"))
    assert "no candles are stored yet" in candles("export", "X", "1d").stderr


DAMAGES = [
    ("packed = substr(packed, 1, 300), sha256 = sha256(substr(packed, 1, 300))", "chunk of candles: "),
    ("packed = '\\x00'::bytea, sha256 = sha256('\\x00'::bytea)", "chunk of candles: "),
    ("address = address - 1", "it is not the chunk that its address names"),
    ("volume = volume * 2", "its row has another volume than its bytes"),
    ("low_min = low_min / 2", "its row has another lowest or highest price than its bytes"),
    ("last_ms = last_ms + 1", "its row has another span than its bytes"),
    ("bars = bars - 1", "its row has another number of candles than its bytes"),
]


@pytest.mark.parametrize("damage,said", DAMAGES)
def test_verify_finds_a_chunk_that_is_wrong(candles, files, owner, damage, said):
    ok(candles("import", files.text("a.csv", text_of(made_up(5000))), "--symbol", SYMBOL))
    with owner.connect() as db:
        first = db.execute("SELECT min(address) FROM candle_chunks").fetchone()[0]
        db.execute(f"UPDATE candle_chunks SET {damage} WHERE address = %s", [first])
    done = candles("verify", SYMBOL)
    assert done.returncode == 65 and f"{SYMBOL} 1d: chunk {first - ('address' in damage)} (" in done.stdout and said in done.stdout, done
    told = report(candles("verify", "--json"), 65)
    assert told["chunks"] == 4 and any(one["address"] == first - ("address" in damage) and said in one["what"] for one in told["wrong"])
    done = candles("export", SYMBOL, "1d", "--output", files.folder / "out.csv")
    if "packed" in damage or "address" in damage:
        assert done.returncode == 65 and ("on: chunk of candles" if "packed" in damage else "should have 5000 candles, but ") in done.stderr
        assert [one.name for one in files.folder.iterdir()] == ["a.csv"]
    else:
        assert done.returncode == 0


def test_an_import_replaces_what_is_damaged_if_it_has_all_of_it(candles, files, owner):
    rows = made_up(5000)
    ok(candles("import", files.text("a.csv", text_of(rows)), "--symbol", SYMBOL))
    before = chunks(owner, SYMBOL)
    with owner.connect() as db:
        first, last, bars = db.execute("SELECT first_ms, last_ms, bars FROM candle_chunks WHERE address = %s", [before[1][0]]).fetchone()
        db.execute("UPDATE candle_chunks SET packed = 'x', sha256 = sha256('x') WHERE address = %s", [before[1][0]])
    days = [datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") for ms in (first, last)]
    for words in ((), ("--replace",)):
        done = candles("import", files.text("part.csv", text_of(rows[1000:] if words else rows)), "--symbol", SYMBOL, *words)
        assert done.returncode == 65, done
        assert f"{SYMBOL} 1d: the {bars} stored candles from {days[0]} to {days[1]} are damaged (chunk of candles: " in done.stderr, done.stderr
        assert "import all of them again with --replace" in done.stderr
    told = report(candles("import", files.text("a.csv", text_of(rows)), "--symbol", SYMBOL, "--replace", "--json"))
    assert counts(told) == {"read": 5000, "equal": 5000 - bars, "replaced": bars}
    assert chunks(owner, SYMBOL) == before
    assert "all is as it was stored" in ok(candles("verify"))


def test_an_export_that_is_interrupted_leaves_nothing(candles, start, files, owner):
    ok(candles("import", files.text("a.csv", text_of(made_up(5))), "--symbol", SYMBOL))
    (files.folder / "out.csv").write_text("old")
    with owner.connect() as db:
        db.execute("BEGIN")
        db.execute("LOCK TABLE candle_chunks IN ACCESS EXCLUSIVE MODE")
        process = start("export", SYMBOL, "1d", "--output", files.folder / "out.csv").process
        wait_until(lambda: len(os.listdir(files.folder)) == 3, WAIT, "the file beside the target")
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT * SLOWNESS) == -signal.SIGTERM
        db.execute("ROLLBACK")
    assert sorted(os.listdir(files.folder)) == ["a.csv", "out.csv"] and (files.folder / "out.csv").read_text() == "old"
    ok(candles("export", SYMBOL, "1d", "--output", files.folder / "out.csv"))
    assert sorted(os.listdir(files.folder)) == ["a.csv", "out.csv"] and (files.folder / "out.csv").read_text().startswith(HEAD)


def test_verify_finds_a_series_that_is_wrong(candles, files, owner):
    ok(candles("import", files.text("a.csv", text_of(made_up(100))), "--symbol", SYMBOL))
    with owner.connect() as db:
        db.execute("UPDATE series SET bars = 99, bytes = bytes + 1, first_ms = first_ms + 1, timeframe_ms = 86400000 * 7")
    told = candles("verify", SYMBOL, "1d")
    assert told.returncode == 65
    for said in ("number of candles", "span", "size"):
        assert f"{SYMBOL} 1d: the series has another {said} than its chunks" in told.stdout
    assert "the series' timeframe is not as long as it is called" in told.stdout and "it is of another timeframe" in told.stdout


@pytest.fixture
def reader(owner):
    """The URL of a role that may do what a service may."""
    name = f"{owner.role}_svc"
    with owner.connect() as db:
        db.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        with psycopg.connect(owner.url, autocommit=True) as own:
            own.execute("SELECT backtest_grant(%s::regrole)", [name])
        parts = urllib.parse.urlsplit(owner.url)
        yield urllib.parse.urlunsplit(parts._replace(netloc=f"{name}:x@{parts.netloc.rpartition('@')[2]}"))
        db.execute(f"DROP OWNED BY {name}")
        db.execute(f"DROP ROLE {name}")


def test_the_role_of_the_service_reads_and_does_not_write(candles, files, reader):
    path = files.text("a.csv", text_of(made_up(10)))
    ok(candles("import", path, "--symbol", SYMBOL))
    for words in (("list",), ("verify",), ("export", SYMBOL, "1d")):
        ok(candles(*words, DATABASE_URL=reader))
    for words in (("import", path, "--symbol", SYMBOL), ("delete", SYMBOL, "1d", "--yes")):
        done = candles(*words, DATABASE_URL=reader)
        assert done.returncode == 69 and "_svc may read the candles of" in done.stderr and "but not change them" in done.stderr, done
        assert f"The role of the API may: DATABASE_URL=postgresql://stratslab_api@HOST/DATABASE backtestd candles {words[0]} ..." in done.stderr


def test_the_owner_of_the_tables_may_do_everything(candles, files, owner):
    ok(candles("import", files.text("a.csv", text_of(made_up(10))), "--symbol", SYMBOL, DATABASE_URL=owner.url))
    ok(candles("delete", SYMBOL, "1d", "--yes", DATABASE_URL=owner.url))


def test_a_role_without_rights(candles, owner):
    name = f"t_{secrets.token_hex(6)}"
    with owner.connect() as db:
        db.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        try:
            parts = urllib.parse.urlsplit(owner.url)
            url = urllib.parse.urlunsplit(parts._replace(netloc=f"{name}:x@{parts.netloc.rpartition('@')[2]}"))
            done = candles("list", DATABASE_URL=url)
            assert done.returncode == 69 and f"the role {name} may not read the candles" in done.stderr
            assert f"SELECT backtest_grant('{name}')" in done.stderr
        finally:
            db.execute(f"DROP ROLE {name}")


def test_a_database_without_tables(backtestd, database):
    done = daemons.run(backtestd, "candles", "list", DATABASE_URL=database.url)
    assert done.returncode == 65 and "stratslabd migrate up" in done.stderr and done.stdout == ""


def test_without_a_database(backtestd):
    done = daemons.run(backtestd, "candles", "list", DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert done.returncode == 69 and "nobody@127.0.0.1:1/x is out of reach" in done.stderr


def test_an_export_is_of_one_moment(start, candles, files, owner):
    """An import that ends while a reader is slow changes nothing of what the reader gets."""
    rows = made_up(3 * PIECE * 40, minutes=1)
    ok(candles("import", files.text("a.csv", text_of(rows)), "--symbol", SYMBOL))
    ok(candles("import", files.text("s.csv", spread(3 * PIECE)), "--symbol", SYMBOL, "--timeframe", "1m"))
    before = ok(candles("export", SYMBOL, "1m"))
    one = start("export", SYMBOL, "1m")
    taken = one.process.stdout.read(1000)
    ok(candles("import", files.text("b.csv", spread(3 * PIECE, price="9")), "--symbol", SYMBOL, "--timeframe", "1m", "--replace"))
    rest = []
    reader = threading.Thread(target=lambda: rest.append(one.process.stdout.read()))
    reader.start()
    reader.join(WAIT * SLOWNESS)
    assert taken + rest[0] == before and before != ok(candles("export", SYMBOL, "1m"))


def test_a_reader_that_has_enough(start, candles, files):
    ok(candles("import", files.text("a.csv", text_of(made_up(20000, minutes=1))), "--symbol", SYMBOL))
    one = start("export", SYMBOL, "1m")
    assert one.process.stdout.read(10) == HEAD[:10]
    one.process.stdout.close()
    one.process.stdout = None
    assert one.process.wait(WAIT * SLOWNESS) == -13
