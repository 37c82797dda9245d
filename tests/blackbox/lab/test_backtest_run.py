"""backtestd run: results, from files."""
import csv
import datetime
import gzip
import io
import json
import math
import os
import re
import socket
import subprocess

import pytest
from support import daemon as daemons
from support.lab import TOP

HEADER = "n,side,quantity,entry_time,entry_price,entry_reason,exit_time,exit_price,exit_reason,pnl,fees,bars"
FAST, SLOW = 5, 20
GOLDEN = {"name": "Golden cross", "kind": "sma_crossover", "parameters": {"fast": FAST, "slow": SLOW}}


def mean(rows, i, n):
    return sum(row[4] for row in rows[i - n + 1:i + 1]) / n


def crossings(rows):
    """The trades of a golden cross, worked out here: [entry bar, exit bar or None]."""
    trades, held = [], False
    for i in range(SLOW, len(rows) - 1):
        was = mean(rows, i - 1, FAST) - mean(rows, i - 1, SLOW)
        now = mean(rows, i, FAST) - mean(rows, i, SLOW)
        if not held and now > 0 and was <= 0:
            trades.append([i + 1, None])
            held = True
        elif held and now < 0 and was >= 0:
            trades[-1][1] = i + 1
            held = False
    return trades


@pytest.fixture
def golden(run, files):
    """golden(words…): a run of the golden cross over made-up candles, with the rows in .rows."""
    rows = files.made_up(300)
    candles, strategy = files.candles(rows), files.json("golden.json", GOLDEN)

    def go(*words, **kwargs):
        done = run("run", "--strategy", strategy, "--candles", candles, *words, **kwargs)
        done.rows = rows
        return done

    return go


def test_golden_cross(golden, files, read_csv):
    trades, equity = files.folder / "trades.csv", files.folder / "equity.csv"
    done = golden("--trades", trades, "--equity", equity, "--json")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    metrics, rows = json.loads(done.stdout), done.rows
    expected = crossings(rows)
    assert len(expected) >= 4
    assert trades.read_text().split("\n")[0] == HEADER
    found = read_csv(trades)
    assert [(t["entry_time"], t["exit_time"]) for t in found] == [
        (rows[entry][0], rows[leave][0] if leave else "") for entry, leave in expected]
    cash = 10000.0
    for number, (trade, (entry, leave)) in enumerate(zip(found, expected), 1):
        price, quantity = rows[entry][1], float(trade["quantity"])
        assert (trade["n"], trade["side"], trade["entry_reason"]) == (str(number), "long", "signal")
        assert trade["entry_price"] == f"{price:.2f}"
        assert quantity <= cash / price < quantity + 0.1 + 1e-9  # the lot is 0.1, as volumes have it
        assert float(trade["bars"]) == (leave or len(rows) - 1) - entry
        if leave is None:
            assert (trade["exit_price"], trade["exit_reason"]) == ("", "")
            continue
        assert trade["exit_price"] == f"{rows[leave][1]:.2f}" and trade["exit_reason"] == "signal"
        assert float(trade["pnl"]) == pytest.approx(quantity * (rows[leave][1] - price), abs=1e-6)
        cash += quantity * (rows[leave][1] - price)
    curve = read_csv(equity)
    assert list(curve[0]) == ["time", "equity"] and len(curve) == len(rows) + 1
    assert (curve[0]["time"], float(curve[0]["equity"])) == (rows[0][0], 10000)
    # Exactly: what the files hold are the doubles themselves.
    assert metrics["equity"] == math.fsum([10000, *(float(t["pnl"]) for t in found)])
    assert float(curve[-1]["equity"]) == metrics["equity"]
    assert metrics["return"] == pytest.approx(metrics["equity"] / 10000 - 1)
    assert metrics["buy_and_hold"] == pytest.approx(rows[-1][4] / rows[0][1] - 1)
    closed = [t for t in found if t["exit_time"]]
    assert metrics["trades"] == len(closed) and metrics["open"] == len(found) - len(closed)
    assert metrics["win_rate"] == pytest.approx(sum(float(t["pnl"]) > 0 for t in closed) / len(closed))


@pytest.mark.parametrize("option, other, spelling", [
    ("--trades", "--candles", "{folder}/candles.csv"), ("--trades", "--candles", "{folder}/./candles.csv"), ("--equity", "--strategy", "{folder}/link"),
    ("--equity", "--trades", "{folder}/../{name}/t.csv"), ("--equity", "--trades", "{folder}/t.csv"),
])
def test_what_is_written_overwrites_nothing_that_is_named_besides(golden, files, option, other, spelling):
    written = spelling.format(folder=files.folder, name=files.folder.name)
    (files.folder / "link").symlink_to("golden.json")
    words = ["--trades", files.folder / "t.csv"] if other == "--trades" else []
    before = {path: path.read_bytes() for path in files.folder.iterdir() if path.is_file()}
    done = golden(*words, option, written)
    assert done.returncode == 64 and f"{option} would overwrite the file of {other}, " in done.stderr, done.stderr
    assert {path: path.read_bytes() for path in files.folder.iterdir() if path.is_file()} == before


def test_one_device_may_be_written_twice(golden):
    assert golden("--trades", "/dev/null", "--equity", "/dev/null").returncode == 0


def test_days_of_an_exchange(run, files):
    """Midnight in New York is a day's only with its zone; a series of nothing has no span."""
    rows = [f"2024-03-{day:02}T05:00:00Z,10,12,9,11,1000.5" for day in (4, 5, 6, 7, 8)]
    path = files.text("alpaca.csv", "\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n")
    done = run("candles", "check", "--json", path)
    report = json.loads(done.stdout)
    assert (done.returncode, report["bars"], report["rejected"]) == (65, 0, 5)
    assert report["first"] is None and report["last"] is None
    assert "span        none\n" in run("candles", "check", path).stdout
    for words in (["candles", "check", path], ["run", "--strategy", files.json("golden.json", GOLDEN), "--candles", path]):
        done = run(*words)
        assert "--timezone America/New_York" in done.stdout + done.stderr
    later = files.text("forex.csv", open(path).read().replace("T05:", "T22:"))
    done = run("candles", "check", "--timezone", "America/New_York", later)
    assert done.returncode == 65 and "daily candles must begin at midnight of UTC or of --timezone, but most of these do not" in done.stdout
    done = run("candles", "check", "--json", "--timezone", "America/New_York", path)
    assert done.returncode == 0 and json.loads(done.stdout)["first"] == "2024-03-04T00:00:00Z"


def test_sessions_that_begin_at_half_past(run, files):
    rows = [f"2024-03-{day:02}T{hour}:30:00Z,10,12,9,11,1000.5" for day in (4, 5, 6) for hour in range(14, 21)]
    path = files.text("hours.csv", "\n".join(["time,open,high,low,close,volume", *rows]) + "\n")
    for words in (["candles", "check", path], ["run", "--strategy", files.json("golden.json", GOLDEN), "--candles", path]):
        done = run(*words)
        assert done.returncode == 65 and "2024-03-04T14:30:00Z is not one at which a bar of 1h opens" in done.stdout + done.stderr
        assert "candles of 1h must open on the grid of UTC, but most of these do not" in done.stdout + done.stderr


def test_weekends_of_a_market_that_rests(run, files):
    """A year of workdays without one Thursday: that is the only gap, and it is said what was assumed."""
    rows = [row for row in files.made_up(366) if datetime.date.fromisoformat(row[0][:10]).weekday() < 5 and row[0][:10] != "2024-07-04"]
    path, strategy = files.candles(rows), files.json("golden.json", GOLDEN)
    report = json.loads(run("candles", "check", "--json", path).stdout)
    assert (report["gaps"], report["missing"], report["weekends_rest"]) == (1, 1, True)
    assert report["gap_list"] == [{"first": "2024-07-04T00:00:00Z", "last": "2024-07-04T00:00:00Z", "bars": 1}]
    text = run("candles", "check", path).stdout
    assert "no candle opens on a Saturday or Sunday, so these days are not counted as missing" in text
    assert "missing candles: 1 in 1 gap (holidays included)" in text
    assert json.loads(run("run", "--strategy", strategy, "--candles", path, "--json").stdout)["gaps"] == 1
    assert "1 gap in the candles (holidays included, weekends not)." in run(
        "run", "--strategy", strategy, "--candles", path).stdout
    # The week that ends with the last Friday is whole.
    whole = files.candles([row for row in rows if row[0] < "2024-12-28"], "w.csv")
    cut = files.candles([row for row in rows if row[0] < "2024-12-27"], "c.csv")
    weeks = [run("run", "--strategy", strategy, "--candles", file, "--timeframe", "1w", "--json") for file in (whole, cut)]
    assert [json.loads(done.stdout)["bars"] for done in weeks] == [52, 51]
    assert weeks[0].stderr == "" and "1 candle of 1w at the ends of the file is incomplete and was left out" in weeks[1].stderr
    fill = files.json("x.json", {"missing": "fill"})
    assert json.loads(run("run", "--strategy", strategy, "--candles", path, "--execution", fill, "--json").stdout)["bars"] == 262


def test_json_is_alone_and_flat(golden):
    done = golden("--json")
    assert done.stderr == "" and done.stdout.count("\n") == 1
    metrics = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(word))
    assert list(metrics)[:3] == ["engine", "data", "result_hash"]
    assert re.fullmatch("[0-9a-f]{64}", metrics["data"]) and re.fullmatch("[0-9a-f]{64}", metrics["result_hash"])
    assert all(not isinstance(value, (dict, list)) for value in metrics.values())
    assert golden("--json").stdout == done.stdout


def test_table(golden):
    done = golden()
    metrics = json.loads(golden("--json").stdout)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith("Golden cross (sma_crossover)\n")
    rows = {line[:20].strip(): re.split(r" {2,}", line[20:].strip()) for line in done.stdout.split("\n")}
    assert re.search(r"Strategy +Buy and hold\n", done.stdout)
    assert rows["Return"] == [f"{100 * metrics['return']:.2f} %", f"{100 * metrics['buy_and_hold']:.2f} %"]
    for name, key in (("CAGR", "cagr"), ("Max drawdown", "max_drawdown"), ("Win rate", "win_rate"), ("Exposure", "exposure")):
        assert rows[name][0] == f"{100 * metrics[key]:.2f} %", name
    for name, key in (("Sharpe", "sharpe"), ("Sortino", "sortino"), ("Profit factor", "profit_factor")):
        assert rows[name] == [f"{metrics[key]:.2f}"], name
    assert rows["Trades"] == [str(metrics["trades"])]
    assert rows["Final equity"] == [f"{metrics['equity']:,.2f}"]
    assert metrics["result_hash"] in done.stdout


def test_csv_for_pandas(golden, files):
    pandas = pytest.importorskip("pandas")
    trades, equity = files.folder / "trades.csv", files.folder / "equity.csv"
    assert golden("--trades", trades, "--equity", equity).returncode == 0
    table, curve = pandas.read_csv(trades), pandas.read_csv(equity)
    assert ",".join(table.columns) == HEADER
    assert str(table["pnl"].dtype) == "float64" and str(table["n"].dtype) == "int64"
    assert pandas.to_datetime(table["entry_time"]).dt.tz is not None
    assert str(curve["equity"].dtype) == "float64" and pandas.to_datetime(curve["time"]).is_monotonic_increasing


def test_param(golden):
    assert golden("--json", "--param", f"fast={FAST}").stdout == golden("--json").stdout
    other = golden("--json", "--param", "fast=8", "--param", "slow=30")
    assert json.loads(other.stdout)["result_hash"] != json.loads(golden("--json").stdout)["result_hash"]
    both = golden("--trades", "-", "--param", "short=true")
    assert {row["side"] for row in csv.DictReader(io.StringIO(both.stdout))} == {"long", "short"}
    for wrong, said in (("fats=8", "did you mean fast?"), ("fast=0", "between 1 and 5000"), ("fast=x", "a whole number"),
                        ("short=7", "true or false")):
        done = golden("--param", wrong)
        assert done.returncode == 64 and f"--param {wrong}: " in done.stderr and said in done.stderr, done.stderr
        assert done.stdout == ""


def test_param_of_rules(run, files):
    candles = files.candles(files.made_up(300))
    strategy = files.json("s.json", {"kind": "rules", "parameters": {
        "params": {"n": 10}, "long": {"enter": "close > sma(close, $n)", "exit": "close < sma(close, $n)"}}})
    plain = run("run", "--strategy", strategy, "--candles", candles, "--json")
    assert run("run", "--strategy", strategy, "--candles", candles, "--json", "--param", "n=10").stdout == plain.stdout
    assert run("run", "--strategy", strategy, "--candles", candles, "--json", "--param", "n=20").stdout != plain.stdout
    done = run("run", "--strategy", strategy, "--candles", candles, "--param", "m=20")
    assert done.returncode == 64 and "--param m=20: there is no such parameter; the parameters are n" in done.stderr
    # Of what an expression cannot take the place is told too; it is the command line's fault as long as the file is sound.
    done = run("run", "--strategy", strategy, "--candles", candles, "--param", "n=0")
    assert done.returncode == 64 and done.stdout == ""
    assert re.search(r"s\.json:1:\d+: .*must be between 1 and 10000, but is 0, in long.enter at column 20, with --param n=0\n", done.stderr)
    far = files.json("f.json", {"params": {"n": 3}, "long": {"enter": "tf('4w', sma(close, $n)) > 1"}})
    hours = files.candles(files.made_up(300, minutes=60), "hours.csv")
    assert run("run", "--strategy", far, "--candles", hours).returncode == 0
    done = run("run", "--strategy", far, "--candles", hours, "--param", "n=9999")
    assert done.returncode == 64 and "at most 5000000 are allowed; use shorter lengths, with --param n=9999" in done.stderr, done.stderr
    done = run("run", "--strategy", strategy, "--candles", candles, "--param", "n=5", "--param", "n=6")
    assert done.returncode == 64 and "--param n is given twice" in done.stderr
    broken = files.json("b.json", {"params": {"n": 10}, "long": {"enter": "close > sma(close, $n) and foo > 1"}})
    done = run("run", "--strategy", broken, "--candles", candles, "--param", "n=0")
    assert done.returncode == 65 and "unknown name foo" in done.stderr and "with --param" not in done.stderr


@pytest.mark.parametrize("days, short", [(364, True), (365, False), (366, False)])
def test_a_year_of_days_is_a_year(run, files, days, short):
    strategy = files.json("s.json", {"kind": "buy_and_hold"})
    candles = files.candles(files.made_up(days))
    done = run("run", "--strategy", strategy, "--candles", candles, "--json")
    assert json.loads(done.stdout)["short_sample"] is short
    assert ("less than a year" in run("run", "--strategy", strategy, "--candles", candles).stdout) is short


def test_title(run, files):
    candles, kind = files.candles(files.made_up(60)), {"kind": "sma_crossover", "parameters": {"fast": 3, "slow": 8}}
    for strategy, title in ((kind, "sma_crossover"), ({"name": "A \"b\"", **kind}, 'A "b" (sma_crossover)')):
        done = run("run", "--strategy", files.json("s.json", strategy), "--candles", candles)
        assert done.stdout.split("\n")[0] == title


def test_a_byte_order_mark_is_passed_over(run, files):
    text = '{"long":{"enter":"close > sma(close, 10)","exit":"close < sma(close, 10)"}}'
    candles = files.candles(files.made_up(200))
    plain = run("run", "--strategy", files.text("a.json", text), "--candles", candles, "--json")
    marked = run("run", "--strategy", files.text("b.json", "\ufeff" + text), "--candles", candles, "--json")
    assert plain.returncode == 0 and marked.stdout == plain.stdout
    wrong = run("run", "--strategy", files.text("c.json", "\ufeff" + text.replace("close <", "clos <")), "--candles", candles)
    assert ":1:51: unknown name clos" in wrong.stderr, wrong.stderr


def test_rules_by_themselves(run, files):
    document = {"long": {"enter": "close > sma(close, 10)", "exit": "close < sma(close, 10)"}}
    candles = files.candles(files.made_up(200))
    whole = run("run", "--strategy", files.json("a.json", {"kind": "rules", "parameters": document}), "--candles", candles, "--json")
    bare = run("run", "--strategy", files.json("b.json", document), "--candles", candles, "--json")
    assert bare.returncode == 0 and bare.stdout == whole.stdout


def test_capital_and_execution(golden, files):
    base = json.loads(golden("--json").stdout)
    costly = files.json("execution.json", {"capital": 500, "fee": {"percent": 0.1, "fixed": 1}, "slippage": {"ticks": 2}})
    cost = json.loads(golden("--json", "--execution", costly).stdout)
    assert cost["fees"] > 0 and cost["slippage_cost"] > 0 and base["fees"] == 0
    assert cost["equity"] < 500 * (1 + base["return"])
    more = json.loads(golden("--json", "--execution", costly, "--capital", 20000).stdout)
    assert more["equity"] > 10000


def test_execution_of_the_defaults(golden, run, files):
    defaults = files.text("execution.json", run("execution", "--json").stdout)
    assert golden("--json", "--execution", defaults).stdout == golden("--json").stdout


def test_span_and_look_back(golden, files, read_csv):
    """What is before --start warms up: the trades of the span are those of the whole."""
    rows = golden("--json").rows
    start, end, trades = rows[100][0], rows[250][0], files.folder / "trades.csv"
    done = golden("--start", start, "--end", end, "--json", "--trades", trades)
    assert done.returncode == 0 and done.stderr == ""
    metrics = json.loads(done.stdout)
    assert metrics["bars"] == 150
    assert metrics["buy_and_hold"] == pytest.approx(rows[249][4] / rows[100][1] - 1)
    expected = [rows[entry][0] for entry, _ in crossings(rows) if 100 < entry < 250]
    assert expected and [t["entry_time"] for t in read_csv(trades)] == expected
    early = golden("--start", rows[5][0], "--json")
    assert early.returncode == 0 and "needs a look-back of 20 candles, but there are only 5" in early.stderr


def test_higher_timeframe(run, files, read_csv):
    """Hours of a file of minutes are the hours that another file has."""
    fine = files.made_up(60 * 60, minutes=1)
    hours = [[chunk[0][0], chunk[0][1], max(row[2] for row in chunk), min(row[3] for row in chunk), chunk[-1][4],
              round(sum(row[5] for row in chunk), 1)] for chunk in (fine[i:i + 60] for i in range(0, len(fine), 60))]
    strategy = files.json("s.json", {"kind": "sma_crossover", "parameters": {"fast": 2, "slow": 5}})
    made = run("run", "--strategy", strategy, "--candles", files.candles(fine, "m.csv"), "--timeframe", "1h", "--json")
    given = run("run", "--strategy", strategy, "--candles", files.candles(hours, "h.csv"), "--json")
    assert made.returncode == given.returncode == 0
    made, given = json.loads(made.stdout), json.loads(given.stdout)
    assert made["trades"] > 2 and made["result_hash"] == given["result_hash"]
    # Bars at the ends that are not whole are left out, and that is said.
    cut = run("run", "--strategy", strategy, "--candles", files.candles(fine[7:-3], "c.csv"), "--timeframe", "1h", "--json")
    assert "2 candles of 1h at the ends of the file are incomplete and were left out" in cut.stderr
    assert json.loads(cut.stdout)["bars"] == given["bars"] - 2
    detail = files.json("x.json", {"intrabar": "detail"})
    walked = run("run", "--strategy", strategy, "--candles", files.folder / "m.csv", "--timeframe", "1h", "--execution", detail, "--json")
    assert walked.returncode == 0 and json.loads(walked.stdout)["result_hash"] == given["result_hash"]


def test_several_files(run, files):
    rows = files.made_up(300)
    strategy = files.json("s.json", GOLDEN)
    whole = run("run", "--strategy", strategy, "--candles", files.candles(rows), "--json")
    parts = run("run", "--strategy", strategy, "--candles", files.candles(rows[150:], "b.csv"), "--candles",
                files.candles(rows[:150], "a.csv"), "--json")
    assert parts.stdout == whole.stdout and parts.stderr == ""


def test_strategy_from_a_socket(backtestd, files):
    """Some programs start theirs with sockets as standard streams."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [backtestd, "run", "--strategy", "-", "--candles", files.candles(files.made_up(100)), "--json"]
        program = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, text=True, env=daemons.environment({}))
        ours.sendall(json.dumps(GOLDEN).encode())
        ours.shutdown(socket.SHUT_WR)
        out, _ = program.communicate(timeout=60)
    assert program.returncode == 0 and json.loads(out)["bars"] == 100


def test_standard_streams(golden, backtestd, files):
    plain = golden("--json")
    strategy, candles = str(files.folder / "golden.json"), files.folder / "candles.csv"
    packed = gzip.compress(candles.read_bytes())
    done = subprocess.run([backtestd, "run", "--strategy", strategy, "--candles", "-", "--json"], input=packed, capture_output=True,
                          env=daemons.environment({}), timeout=60)
    assert done.stdout.decode() == plain.stdout
    done = golden("--trades", "-")
    assert done.stdout.split("\n")[0] == HEADER and "Return" not in done.stdout
    for words in (("--json", "--trades", "-"), ("--trades", "-", "--equity", "-"), ("--execution", "-", "--param", "fast=3")):
        done = golden(*words, stdin="{}")
        assert done.returncode == (0 if "--execution" in words else 64), done.stderr
        assert "--execution" in words or "cannot both go to standard output" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk(golden, backtestd, files):
    for option in ("--trades", "--equity"):
        done = golden(option, "/dev/full", "--json")
        assert done.returncode == 71 and done.stdout == "", done.stdout
        assert "/dev/full: could not be written completely: No space left on device" in done.stderr
    with open("/dev/full", "w") as full:
        for words in (["run", "--strategy", str(files.folder / "golden.json"), "--candles", str(files.folder / "candles.csv"), "--json"],
                      ["functions"], ["--help"], ["candles", "check", str(files.folder / "candles.csv")]):
            done = subprocess.run([backtestd, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=daemons.environment({}), timeout=60)
            assert done.returncode == 71 and "No space left on device" in done.stderr, words
    done = golden("--trades", files.folder / "no" / "trades.csv")
    assert done.returncode == 71 and "cannot be written: No such file or directory" in done.stderr


@pytest.mark.parametrize("name", sorted(name for name in os.listdir(os.path.join(TOP, "examples"))
                                        if name.endswith(".json") and name != "execution.json"))
def test_examples(run, name):
    examples = os.path.join(TOP, "examples")
    done = run("run", "--strategy", os.path.join(examples, name), "--candles", os.path.join(examples, "candles.csv"),
               "--execution", os.path.join(examples, "execution.json"), "--json")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert json.loads(done.stdout)["trades"] > 0


def test_readme(run):
    """The example of README.md prints what README.md shows."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        section = f.read().split("## Backtests from files\n")[1].split("\n## ")[0]
    command, shown = re.search(r"```sh\nbuild/backtestd (.*?)\n```\n\n```\n(.*?)\n```", section, re.DOTALL).groups()
    words = command.replace("\\\n", " ").split(" --trades")[0].split()
    done = run(*(os.path.join(TOP, word) if word.startswith("examples/") else word for word in words))
    printed = done.stdout.replace(f"{TOP}/", "")
    for line in shown.split("\n"):
        assert line == "…" or f"{line}\n" in printed, line


def test_whole_volumes_tell_no_lot(run, files):
    rows = [[row[0], *(round(cell * 1000 + 0.25, 2) for cell in row[1:5]), round(row[5])] for row in files.made_up(200)]
    candles, strategy = files.candles(rows), files.json("s.json", GOLDEN)
    metrics = json.loads(run("run", "--strategy", strategy, "--candles", candles, "--json").stdout)
    assert (metrics["lot"], metrics["tick"], metrics["rejected_orders"]) == (1e-8, 0.01, 0) and metrics["trades"] > 0
    table = run("run", "--strategy", strategy, "--candles", candles).stdout
    assert "\ntick 0.01 (from the prices), lot 1e-08 (assumed)\n" in table
    assert json.loads(run("candles", "check", "--json", candles).stdout)["lot_assumed"] is True
    assert "lot         1e-08 (assumed, as the volumes have no decimals)" in run("candles", "check", candles).stdout
    execution = files.json("x.json", {"lot": 1, "tick": 0.5})
    table = run("run", "--strategy", strategy, "--candles", candles, "--execution", execution).stdout
    assert "\ntick 0.5 (--execution), lot 1 (--execution)\n" in table


def test_prices_that_costs_have_moved_are_told_whole(golden, files, read_csv):
    execution, trades = files.json("x.json", {"slippage": {"percent": 0.0123}}), files.folder / "trades.csv"
    done = golden("--execution", execution, "--trades", trades)
    assert done.returncode == 0, done.stderr
    opens = {row[0]: row[1] for row in done.rows}
    found = read_csv(trades)
    assert found
    for trade in found:
        assert float(trade["entry_price"]) == pytest.approx(opens[trade["entry_time"]] * 1.000123, rel=1e-12)


def test_a_lot_that_is_too_large_is_told(run, files):
    rows = [[row[0], *(round(cell * 100000, 2) for cell in row[1:5]), round(row[5]) + 0.5] for row in files.made_up(200)]
    strategy = files.json("s.json", GOLDEN)
    candles = files.candles(rows)
    done = run("run", "--strategy", strategy, "--candles", candles, "--json")
    assert json.loads(done.stdout)["rejected_orders"] > 0 and '"lot" in the file of --execution' in done.stderr
    execution = files.json("x.json", {"lot": 1e-8})
    done = run("run", "--strategy", strategy, "--candles", candles, "--execution", execution, "--json")
    assert json.loads(done.stdout)["rejected_orders"] == 0 and done.stderr == ""
