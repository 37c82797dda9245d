"""backtestd candles check, functions, kinds, execution; and that help, manual page and completion know the same words."""
import json
import os
import re
import shutil
import subprocess
import zipfile

import pytest
from support import daemon as daemons
from support.lab import TOP

DAEMON = [("serve",), ("check",), ("health",), ("status",), ("reload",), ("config",)]
COMMANDS = [("run",), ("candles", "check"), ("functions",), ("kinds",), ("execution",)]
STORED = [("candles", verb) for verb in ("import", "export", "list", "verify", "delete")]


def test_check(run, files):
    rows = files.made_up(100)
    del rows[40:43]
    rows[10][2] = 1
    path = files.candles(rows)
    done = run("candles", "check", path, "--json")
    assert done.returncode == 65 and done.stderr == ""
    report = json.loads(done.stdout)
    assert [report[name] for name in ("read", "new", "equal", "replaced", "conflicts", "rejected")] == [97, 96, 0, 0, 0, 1]
    assert (report["timeframe"], report["bars"], report["tick"], report["price_digits"]) == ("1d", 96, 0.01, 2)
    assert (report["first"], report["last"]) == ("2024-01-01T00:00:00Z", "2024-04-09T00:00:00Z")
    assert (report["gaps"], report["missing"]) == (2, 4)
    assert report["gap_list"][1] == {"first": "2024-02-10T00:00:00Z", "last": "2024-02-12T00:00:00Z", "bars": 3}
    assert report["rejections"][0]["line"] == 12 and "high is below the low" in report["rejections"][0]["reason"]
    text = run("candles", "check", path)
    assert text.returncode == 65
    assert "97 read, 96 new, 1 rejected" in text.stdout and "missing candles: 4 in 2 gaps" in text.stdout
    assert f":{12}: the high is below the low" in text.stdout


def test_check_of_several_packed_files(run, files):
    rows = files.made_up(100)
    first, second = files.candles(rows[:60], "a.csv"), files.candles(rows[50:], "b.csv")
    with zipfile.ZipFile(files.folder / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(second, "b.csv")
    done = run("candles", "check", first, files.folder / "b.zip", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (report["read"], report["new"], report["equal"], report["bars"], report["gaps"]) == (110, 100, 10, 100, 0)
    assert json.loads(run("candles", "check", files.candles(rows, "all.csv"), "--json").stdout)["data"] == report["data"]


def test_check_of_a_zone(run, files):
    text = "time,open,high,low,close\n" + "".join(f"2024-01-0{1 + i // 24} {i % 24:02d}:00:00,1,2,1,2\n" for i in range(48))
    path = files.text("local.csv", text)
    said = run("candles", "check", path)
    assert "2024-01-01T00:00:00Z to" in said.stdout and "read as UTC; --timezone sets another zone" in said.stdout
    for zone, first in (("+02:00", "2023-12-31T22:00:00Z"), ("UTC", "2024-01-01T00:00:00Z")):
        assert json.loads(run("candles", "check", path, "--timezone", zone, "--json").stdout)["first"] == first
    if os.path.exists("/usr/share/zoneinfo/America/New_York"):
        report = json.loads(run("candles", "check", path, "--timezone", "America/New_York", "--json").stdout)
        assert report["first"] == "2024-01-01T05:00:00Z"
    closing = json.loads(run("candles", "check", path, "--timezone", "UTC", "--stamp", "close", "--json").stdout)
    assert closing["first"] == "2023-12-31T23:00:00Z"


def test_check_of_adjusted_prices(run, files):
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n" + "".join(f"2024-01-{i:02d},10,12,8,10,5,100\n" for i in range(1, 20))
    path = files.text("yahoo.csv", text)
    assert "a column of adjusted closes; --adjusted uses it" in run("candles", "check", path).stdout
    assert "adjusted" not in run("candles", "check", path, "--adjusted").stdout
    strategy = files.json("s.json", {"kind": "buy_and_hold"})
    for words, price in (([], "10"), (["--adjusted"], "5")):
        trades = run("run", "--strategy", strategy, "--candles", path, "--trades", "-", *words).stdout
        assert float(trades.split("\n")[1].split(",")[4]) == float(price)


def test_functions(run):
    table = json.loads(run("functions", "--json").stdout)
    names = [entry["name"] for entry in table]
    assert {"sma", "rsi", "atr", "crosses_above", "supertrend"} <= set(names) and len(names) == len(set(names))
    text = run("functions").stdout
    for entry in table:
        assert f"  {entry['signature']} " in text and entry["description"]
    one = run("functions", "sma").stdout
    assert one.startswith("sma(x, length)\n") and "formula" in one and "look-back" in one
    assert json.loads(run("functions", "sma", "--json").stdout) == table[names.index("sma")]


def test_kinds(run):
    table = json.loads(run("kinds", "--json").stdout)
    names = [entry["name"] for entry in table]
    assert {"buy_and_hold", "sma_crossover", "rules"} <= set(names)
    text = run("kinds").stdout
    assert [line.split()[0] for line in text.strip().split("\n") if line[0] != " "] == names
    for entry in table:
        assert entry["parameters"]["type"] == "object"
        assert run("kinds", entry["name"]).stdout.startswith(entry["name"] + "\n")
    assert re.search(r"^fast +whole number +10 +1 to 5000 +Length of the fast average, in bars$", run("kinds", "sma_crossover").stdout, re.MULTILINE)


def test_every_kind_runs(run, files):
    candles = files.candles(files.made_up(400))
    for entry in json.loads(run("kinds", "--json").stdout):
        if entry["name"] == "rules":
            continue
        done = run("run", "--strategy", files.json("k.json", {"kind": entry["name"]}), "--candles", candles, "--json")
        assert done.returncode == 0, (entry["name"], done.stderr)


@pytest.mark.parametrize("kind", ["buy_and_hold", "sma_crossover", "momentum", "supertrend"])
def test_a_kind_is_printed_as_a_document_of_rules(run, files, kind):
    """What `kinds NAME` prints as a document can be copied to a file, and does the same."""
    candles = files.candles(files.made_up(400))
    document = "{" + run("kinds", kind).stdout.split("\n{")[1]
    results = [json.loads(run("run", "--strategy", path, "--candles", candles, "--json").stdout)
               for path in (files.json("kind.json", {"kind": kind}), files.text("document.json", document))]
    assert results[0] == results[1] and results[0]["trades"] + results[0]["open"] > 0


def test_execution(run):
    defaults = json.loads(run("execution", "--json").stdout)
    assert defaults["capital"] == 10000 and defaults["fee"]["percent"] == 0 and defaults["intrabar"] == "pessimistic"
    heading, *lines = [line for line in run("execution").stdout.strip().split("\n") if line[0] != " "]
    assert heading.split() == ["NAME", "DEFAULT", "MEANING"]
    for line in lines:
        name = line.split()[0]
        value = defaults
        for member in name.split("."):
            value = value[member]
        shown = json.dumps(value).strip('"')
        assert line.split()[1] == shown, line
        assert run("execution", name).stdout.startswith(name)
    assert [line.split()[0] for line in run("execution", "fee").stdout.strip().split("\n") if line[0] != " "] == ["fee.percent", "fee.fixed", "fee.minimum"]


@pytest.mark.parametrize("command", ["functions", "kinds", "execution"])
def test_lists_fit_a_terminal(run, command):
    assert max(len(line) for line in run(command).stdout.split("\n")) <= 100


# ---- help, manual page, completion ----

def help_of(run, *words):
    done = run(*words, "--help")
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith("Usage: backtestd"), done.stderr
    return done.stdout


def options_of(text):
    return set(re.findall(r"^  (--[a-z-]+)", text, re.MULTILINE)) - {"--help"}


def test_version(run):
    assert re.fullmatch(r"backtestd \d+\.\d+\S*\n", run("--version").stdout)


def test_help(run):
    text = help_of(run)
    assert re.findall(r"^  ([a-z]+) ", text, re.MULTILINE) == [words[0] for words in DAEMON + COMMANDS]
    for words in DAEMON + COMMANDS + STORED:
        assert max(len(line) for line in help_of(run, *words).split("\n")) <= 100
    assert options_of(help_of(run, "run")) == {
        "--strategy", "--candles", "--timeframe", "--format", "--symbol", "--timezone", "--adjusted", "--stamp", "--skip-rejected", "--execution",
        "--start", "--end", "--capital", "--param", "--trades", "--equity", "--json"}


def test_exit_statuses_of_the_manual_page():
    with open(os.path.join(TOP, "man", "backtestd.8"), encoding="utf-8") as f:
        page = f.read()
    statuses = re.search(r"^\.Sh EXIT STATUS\n(.*?)^\.Sh ", page, re.MULTILINE | re.DOTALL).group(1)
    assert re.findall(r"^\.It (\d+)$", statuses, re.MULTILINE) == ["0", "1", "64", "65", "69", "70", "71", "75", "78"]


@pytest.fixture
def complete(backtestd, tmp_path):
    """complete(words…): what a TAB at the end of the last word offers."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "backtestd").symlink_to(backtestd)
    env = daemons.environment({"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "TERM": "dumb"})

    def go(*words):
        text = " ".join(f"'{word}'" for word in words)
        script = f"""source {TOP}/etc/completion/backtestd; compopt() {{ :; }}
                     COMP_WORDS=(backtestd {text}); COMP_CWORD={len(words)}
                     _stratslab backtestd '{words[-1]}' '{(["backtestd", *words])[-2]}'
                     printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "--norc", "-c", script], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return set(done.stdout.split())

    return go


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_completion(complete, run, tmp_path):
    (tmp_path / "mine.csv").touch()
    everywhere = {"--config", "--set", "--version", "--help"}
    assert complete("") == {words[0] for words in DAEMON + COMMANDS} | everywhere
    assert complete("r") == {"reload", "run"}
    assert complete("candles", "") == {"check", *(verb for _, verb in STORED), *everywhere} - {"--version"}
    for words in COMMANDS + STORED:
        assert complete(*words, "--") == options_of(help_of(run, *words)) | everywhere, words
    assert complete("run", "--candles", "mi") == {"mine.csv"} == complete("candles", "check", "mi")
    assert complete("candles", "import", "mi") == {"mine.csv"} == complete("candles", "export", "--output", "mi")
    assert complete("run", "--json", "--trades", "=", "mi") == {"mine.csv"}
    assert complete("run", "--stamp", "") == {"open", "close"}
    assert complete("run", "--start", "2") == set()
    assert "sma" in complete("functions", "s") and "macd" in complete("kinds", "m")
    assert complete("execution", "fee.p") == {"fee.percent"}
