"""backtestd and what is wrong: each thing is told with its place, nothing is computed, and the exit status says whose fault it is."""
import json
import re

import pytest


@pytest.fixture
def refuse(run, files):
    """refuse(status, strategy=…, rows=…, words=…): runs, and returns what standard error says."""
    def go(status, *words, strategy='{"kind":"sma_crossover","parameters":{"fast":3,"slow":8}}', candles=None):
        made = files.text("strategy.json", strategy)
        candles = candles or files.candles(files.made_up(60))
        done = run("run", "--strategy", made, "--candles", candles, *words)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        assert done.stdout == "" or status == 0
        return done.stderr.replace(f"{files.folder}/", "")

    return go


def rules(**members):
    return json.dumps({"kind": "rules", "parameters": members})


ENTER = {"enter": "close > open"}


@pytest.mark.parametrize("strategy, place, said", [
    ('{"kind":"rules",\n "parameters":{"long" {}}}', "2:23", 'invalid JSON: expected ":"'),
    ("", "1:1", "invalid JSON"),
    ("[1]", "1:1", "a strategy must be an object"),
    ('{"name":"x"}', "1:1", 'the member "kind" is missing'),
    ('{"kind":7}', "1:9", "the kind must be a string"),
    ('{"kind":"sma_crosover"}', "1:9", 'there is no kind of strategy "sma_crosover" (did you mean sma_crossover?)'),
    ('{"knid":"rules","kind":"rules"}', "1:9", '"knid" is not a member of a strategy (did you mean "kind"?)'),
    ('{"kind":"sma_crossover","parameters":{"fats":3}}', "1:46", "did you mean fast?"),
    ('{"kind":"sma_crossover","parameters":{"fast":0.5}}', "1:46", "must be a whole number"),
    ('{"kind":"sma_crossover","parameters":{"fast":9999}}', "1:46", "must be between 1 and 5000"),
    ('{"kind":"sma_crossover","parameters":[]}', "1:38", "must be an object"),
    ('{"kind":"rules","parameters":{\n"long":{"enter":"smaa(close, 3) > 1"}}}', "2:18", "did you mean sma?"),
    ('{"kind":"rules","parameters":{\n"long":{"enter":"close > sma(clos, 3)"}}}', "2:30", "did you mean close?"),
    ('{"kind":"rules","parameters":{\n"long":{"enter":"close > sma(close)"}}}', "2:26", "the second argument (length) is missing"),
    ('{"kind":"rules","parameters":{\n"long":{"enter":"close > sma(close, 0)"}}}', "2:37", "must be between 1 and"),
    ('{"kind":"rules","parameters":{\n"long":{"enter":"close > sma(close, 3"}}}', "2:38", "expected"),
    ('{"kind":"rules","parameters":{\n"long":{"enter":"close > sma(close, $n)"}}}', "2:37", "$n"),
    ('{"kind":"rules","parameters":{"params":{"n":3},\n"long":{"enter":"close > open"}}}', "1:45", "not used"),
    ('{"kind":"rules","parameters":{"let":{"a":"b","b":"a"},"long":{"enter":"a > 1"}}}', "1:42", "a -> b -> a"),
    ('{"kind":"rules","parameters":{"long":{"enter":"close"}}}', "1:48", "condition"),
    ('{"long":{"enter":\n"clos > 1"}}', "2:2", "did you mean close?"),
    ('{"long":{"enter":"close > 1"},\n"stopp":{}}', "2:9", "did you mean stop?"),
    ('{"kind":"rules","parameters":{"long":{"enter":"close > tf(\\"7h\\", close)"}}}', "1:56", "tf('7h', ...): the series has bars of 1440 minutes"),
    ('{"let":{"a":"tf(\'36h\', close)"},\n"long":{"enter":"close > a"}}', "1:14", "tf('36h', ...): the series has bars of 1440 minutes"),
    ('{"let":{"a":"tf(\'3d\', close)"},\n"long":{"enter":"close > tf(\'2d\', a)"}}', "1:14", "is within a tf() of 2880 minutes"),
    ('{"kind":""}', "1:9", 'there is no kind of strategy ""; the kinds are buy_and_hold'),
    ('{"long":{"enter":"SMA(close, 3) > 1"}}', "1:19", "unknown function SMA (did you mean sma?)"),
    ('{"long":{"enter":"close > 1"},"size":{"units":"0/0"}}', "1:48", "size must be above 0, but 0/0 is not a number"),
    ('{"kind":"martingale"}', "1:9", 'there is no kind of strategy "martingale"; the kinds are buy_and_hold, sma_crossover,'),
    ('{"kind":"rules","parameters":{"long":{"enter":"\\u0063lose > clos"}}}', "1:61", "did you mean close?"),
])
def test_strategy(refuse, strategy, place, said):
    told = refuse(65, strategy=strategy)
    assert f"backtestd run: strategy.json:{place}" in told and said in told, told


def test_every_fault_is_told(refuse):
    told = refuse(65, strategy=rules(let={"x": "foo(close)"}, long={"enter": "x > bar"}, stop={"percent": "sma(close)"}))
    places = [int(line.split(":")[3]) for line in told.strip().split("\n")]
    assert len(places) >= 3 and places == sorted(places), told


def test_very_many_faults(refuse):
    told = refuse(65, strategy=rules(let={f"name_{i}": f"foo{i}(close, high, low)" for i in range(60)}, long={"enter": "close > open"}))
    assert re.search(r"and \d+ more\n$", told), told[-200:]
    assert all(line.startswith("backtestd run: ") for line in told.strip().split("\n"))


@pytest.mark.parametrize("execution, place, said", [
    ('{"fee":{"percnt":1}}', "1:18", "execution.fee.percnt is not a setting (did you mean fee.percent?)"),
    ('{"fee":\n{"percent":-5}}', "2:12", "must be a number from -1 to 50"),
    ('{"missing":"maybe"}', "1:12", "error, skip or fill"),
    ('{"short":1}', "1:10", "true or false"),
    ("[]", "1:1", "the settings must be an object"),
    ('{"fee":0.1}', "1:8", 'execution.fee must be an object, such as {"percent": 0.1}; its members are percent, fixed, minimum'),
    ('{"lot":{}}', "1:8", "execution.lot must be a number from 0"),
    ('{"colour":{}}', "1:11", "execution.colour is not a setting"),
    ('{"fee.percent":1,\n"fee":{"percent":2}}', "2:18", "execution.fee.percent is given twice; remove one of them"),
    ('{"colour":0.1}', "1:11", "execution.colour is not a setting; the settings are capital, fee.percent,"),
    ('{"capital":1,\n"slippage":{"percent":1,"ticks":1}}', "2:12", "both percent and ticks"),
    ('{"leverage":10,\n"maintenance_margin":0.5}', "2:22", "with a leverage of 10 it must be below 0.1"),
    ('{\n"intrabar":"detail"}', "2:12", "execution.intrabar is detail"),
    ('{"leverage":}', "1:13", "invalid JSON"),
])
def test_execution(refuse, files, execution, place, said):
    told = refuse(65, "--execution", files.text("execution.json", execution))
    assert f"backtestd run: execution.json:{place}: " in told and said in told, told


def test_every_fault_of_the_execution_is_told(refuse, files):
    told = refuse(65, "--execution", files.text("x.json", '{"short":1,\n"fee":{"percnt":1,"fixed":-1},\n"capital":0}'))
    assert [line.split(": ")[1] for line in told.strip().split("\n")] == ["x.json:1:10", "x.json:2:17", "x.json:2:27", "x.json:3:11"]


def test_more_timeframes_than_there_may_be(refuse):
    terms = " or ".join(f"close > tf('{days}d', close)" for days in range(2, 10))
    told = refuse(65, strategy='{"long":{"enter":"' + terms + '"}}')
    assert told == f"backtestd run: strategy.json:1:{18 + terms.index('tf(' + chr(39) + '9d') + 1}: tf('9d', ...): there are more than 7 " \
                   f"timeframes in the document, in long.enter at column {terms.index('tf(' + chr(39) + '9d') + 1}\n"


@pytest.mark.parametrize("row, said", [
    (["2024-01-09", "nan", 2, 1, 1, 1], "open"),
    (["2024-01-09", "inf", 2, 1, 1, 1], "open"),
    (["2024-01-09", -1, 2, 1, 1, 1], "not a finite number above zero"),
    (["2024-01-09", 0, 2, 1, 1, 1], "not a finite number above zero"),
    (["2024-01-09", 1, 1, 2, 1, 1], "the high is below the low"),
    (["2024-01-09", 3, 2, 1, 1, 1], "open"),
    (["2024-01-09", 1, 2, 1, 1, -5], "volume"),
    (["2024-01-09T07:30:00Z", 1, 2, 1, 1, 1], "not one at which a bar of 1d opens"),
    (["2024-01-09", 1, 2, 1], "too few cells"),
    (["yesterday", 1, 2, 1, 1, 1], "time"),
])
def test_rows_that_are_wrong(refuse, files, run, row, said):
    rows = files.made_up(60)
    rows[8] = row
    candles = files.candles(rows, "bad.csv")
    told = refuse(65, candles=candles)
    first = told.split("\n")[0]
    assert first.startswith("backtestd run: bad.csv:10: ") and said in first, told
    assert "wrong rows: 1 of 60; the backtest was not run; --skip-rejected leaves wrong rows out" in told
    done = run("run", "--strategy", files.folder / "strategy.json", "--candles", candles, "--skip-rejected", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["bars"] == 59 and json.loads(done.stdout)["gaps"] == 1
    assert "1 row is wrong and was left out" in done.stderr


def test_duplicates_and_order(refuse, files, run):
    rows = files.made_up(60)
    other = [*rows[8][:4], rows[8][4] + 0.01, rows[8][5]]
    other[2] = max(other[2], other[4])
    told = refuse(65, candles=files.candles(rows + [other], "bad.csv"))
    assert "bad.csv:62: the values for 2024-01-09T00:00:00Z are not those of line 10 of bad.csv" in told.replace(f"{files.folder}/", "")
    assert "the backtest was not run" in told
    assert refuse(65, "--skip-rejected", candles=files.folder / "bad.csv")
    plain = run("run", "--strategy", files.folder / "strategy.json", "--candles", files.candles(rows, "good.csv"), "--json")
    turned = run("run", "--strategy", files.folder / "strategy.json", "--candles", files.candles(rows[::-1] + [rows[3]], "turned.csv"), "--json")
    assert turned.stdout == plain.stdout and "1 row repeats an earlier row, and was left out" in turned.stderr


def test_files_that_are_none(refuse, files):
    assert "bad.png: line 1 is" in refuse(65, candles=files.text("bad.png", "GIF89a\nhello\n"))
    assert "nothing.csv: cannot be read: No such file or directory" in refuse(65, candles=str(files.folder / "nothing.csv"))
    assert "Is a directory" in refuse(65, candles=str(files.folder))
    assert "no rows of candles" in refuse(65, candles=files.text("empty.csv", "time,open,high,low,close\n"))
    assert refuse(65, candles=files.text("none.csv", ""))


def test_adjusted_prices_that_are_not_there(refuse):
    assert "candles.csv: adjusted prices were asked for, but there is no column of adjusted closes" in refuse(65, "--adjusted")


def test_spans(refuse):
    told = refuse(65, "--start", "2030-01-01")
    assert "no candles between --start and --end; the first opens at 2024-01-01T00:00:00Z, the last at 2024-02-29T00:00:00Z" in told
    assert "--start must be before --end" in refuse(64, "--start", "2024-02-01", "--end", "2024-01-01")
    assert "shorter candles of 1h cannot be made from them" in refuse(65, "--timeframe", "1h")


@pytest.mark.parametrize("words, said", [
    (["--timeframe", "7h"], "--timeframe must be one of 1m,"),
    (["--start", "soon"], "--start must be a time, such as"),
    (["--capital", "0"], "--capital must be a number above 0 and at most 1e+15, but is"),
    (["--capital", "nan"], "--capital must be a number above 0"),
    (["--param", "fast"], '--param must be NAME=VALUE, but is "fast"'),
    (["--param", "=3"], "--param must be NAME=VALUE"),
    (["--format", "binanze"], '"binanze" is not a known format (did you mean binance?); the formats are binance-futures, binance,'),
    (["--timezone", "America/NewYork"], "is not a time zone in /usr/share/zoneinfo/ (did you mean America/New_York?)"),
    (["--timezone", "Mars/Olympus"], "is not a time zone"),
    (["--timezone", "../../etc/passwd"], "is not a time zone"),
    (["--stamp", "middle"], "--stamp must be open or close"),
    (["--stamp", "open", "--stamp=close"], "--stamp is given twice"),
    (["--jsn"], "there is no option --jsn; did you mean --json?"),
    (["word"], '"word" is one word too many'),
    (["--trades"], "--trades needs a value, FILE"),
])
def test_usage(refuse, words, said):
    assert said in refuse(64, *words)


@pytest.mark.parametrize("words, said", [
    (["rnu"], 'there is no command "rnu"; did you mean run?'),
    (["candles"], "a command is missing"),
    (["candles", "check"], "FILE is missing"),
    (["run"], "--strategy FILE is missing"),
    (["functions", "smaa"], 'there is no function "smaa" (did you mean sma?)'),
    (["kinds", "mcad"], 'there is no kind "mcad" (did you mean macd?)'),
    (["execution", "fee.percnt"], "did you mean fee.percent?"),
])
def test_usage_of_the_program(run, words, said):
    done = run(*words)
    assert done.returncode == 64 and said in done.stderr and done.stdout == "", done.stderr
