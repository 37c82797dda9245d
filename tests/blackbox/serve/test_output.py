"""Every command of both programs looks at what became of its output."""
import os
import signal
import subprocess

import pytest
from support import daemon as daemons
from support.kinds import BOTH
from support.lab import made_up
from support.namespaces import unshare

ROWS = "time,open,high,low,close,volume\n"
STRATEGY = '{"kind":"sma_crossover","parameters":{"fast":3,"slow":8}}'


@pytest.fixture
def lab(tmp_path):
    """What backtestd reads: a folder with strategy.json and candles.csv."""
    (tmp_path / "strategy.json").write_text(STRATEGY)
    (tmp_path / "candles.csv").write_text(ROWS + "".join(",".join(map(str, row)) + "\n" for row in made_up(60)))
    return tmp_path


def commands_of(kind, lab):
    """Command lines that print something and end well, with a database that has been migrated."""
    both = [["--version"], ["--help"], ["config"], ["config", "--json"], ["config", "--sample"], ["config", "--help"],
            ["check"], ["check", "--json"], ["health", "--help"]]
    if kind is daemons.Daemon:
        return both + [["openapi"], ["migrate", "status"], ["migrate", "status", "--json"], ["migrate", "up"],
                       ["migrate", "current"], ["migrate", "history"], ["migrate", "plan"], ["migrate", "verify"],
                       ["migrate", "wait"], ["token", "list", "--json"]]
    run = ["run", "--strategy", str(lab / "strategy.json"), "--candles", str(lab / "candles.csv")]
    return both + [["functions"], ["functions", "--json"], ["kinds"], ["kinds", "--json"], ["execution"],
                   ["execution", "--json"], run, [*run, "--json"], [*run, "--trades", "-"], [*run, "--equity", "-"],
                   ["candles", "check", str(lab / "candles.csv")], ["candles", "check", "--json", str(lab / "candles.csv")]]


def ended(program, words, output, url, **options):
    env = daemons.environment({"DATABASE_URL": url, "migrations_dir": os.path.realpath(daemons.MIGRATIONS)})
    return subprocess.run([program, *words], env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False, **options)


@BOTH
def test_output_that_cannot_be_written_is_an_error(kind, program, stratslabd, database, lab):
    daemons.migrate(stratslabd, database.url)
    tried = 0
    for words in commands_of(kind, lab):
        good = ended(program, words, subprocess.PIPE, database.url)
        assert good.returncode == 0, (words, good.stderr)
        if good.stdout == "":
            continue  # it has said what it did on standard error
        tried += 1
        with open("/dev/full", "wb") as full:
            bad = ended(program, words, full, database.url)
        assert bad.returncode == 71, (words, bad.returncode, bad.stderr)
        assert "standard output" in bad.stderr and "No space left on device" in bad.stderr, (words, bad.stderr)
        with open("/dev/null", "rb") as read_only:  # what cannot be written is no better than what is full
            assert ended(program, words, read_only, database.url).returncode == 71, words
    print(f"{tried} command lines")
    assert tried >= 12


@BOTH
def test_a_reader_that_has_gone_is_no_news(kind, program, stratslabd, database, lab):
    daemons.migrate(stratslabd, database.url)
    for words in commands_of(kind, lab):
        if ended(program, words, subprocess.PIPE, database.url).stdout == "":
            continue
        reader, writer = os.pipe()
        os.close(reader)
        done = ended(program, words, writer, database.url, restore_signals=True)
        assert done.returncode == -signal.SIGPIPE and done.stderr.count("\n") <= 1, (words, done.returncode, done.stderr)
        done = ended(program, words, writer, database.url, preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN),
                     restore_signals=False)
        assert done.returncode in (71, -signal.SIGPIPE), (words, done.returncode)
        os.close(writer)


# ---- token create ----

def tokens(database):
    with database.connect() as db:
        return [row[0] for row in db.execute("SELECT name FROM access_tokens ORDER BY name").fetchall()]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_token_that_nobody_saw_is_not_made(stratslabd, database, form):
    daemons.migrate(stratslabd, database.url)
    with open("/dev/full", "wb") as full:
        done = ended(stratslabd, ["token", "create", "ci", *form], full, database.url)
    assert done.returncode == 71
    assert "no token was made: standard output could not be written completely: No space left on device" in done.stderr
    assert "only this once" not in done.stderr
    assert tokens(database) == []
    reader, writer = os.pipe()
    os.close(reader)
    done = ended(stratslabd, ["token", "create", "ci", *form], writer, database.url)
    os.close(writer)
    assert done.returncode != 0 and tokens(database) == []
    good = ended(stratslabd, ["token", "create", "ci", *form], subprocess.PIPE, database.url)  # the name is free
    assert good.returncode == 0 and "stl_" in good.stdout and tokens(database) == ["ci"]


# ---- Files of results ----

@pytest.fixture
def run(backtestd, lab):
    def go(*words, **options):
        command = [backtestd, "run", "--strategy", lab / "strategy.json", "--candles", lab / "candles.csv", *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, **options)

    return go


def limit_files():
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))


@pytest.mark.parametrize("option", ["--trades", "--equity"])
def test_a_result_that_cannot_be_written_leaves_the_one_before(run, lab, option):
    out = lab / "out.csv"
    out.write_text("before\n")
    out.chmod(0o640)
    done = run(option, out, preexec_fn=limit_files)
    assert done.returncode == 71 and f"{out}: could not be written completely: File too large" in done.stderr
    assert out.read_text() == "before\n"
    assert sorted(os.listdir(lab)) == ["candles.csv", "out.csv", "strategy.json"]  # and nothing beside it
    assert run(option, out).returncode == 0
    assert out.read_text() != "before\n" and out.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(lab)) == ["candles.csv", "out.csv", "strategy.json"]


def test_a_disk_without_room_for_another_file_leaves_the_one_before(backtestd, lab):
    """The file system has as many files as it takes, so that nothing can be written beside."""
    disk = lab / "disk"
    disk.mkdir()
    script = lab / "full"
    script.write_text("""#!/bin/sh
set -eu
mount -t tmpfs -o size=64k,nr_inodes=3 none "$1"
echo before >"$1/out.csv"
: >"$1/fill"
status=0
shift
"$@" || status=$?
cat disk/out.csv
exit "$status"
""")
    script.chmod(0o755)
    done = subprocess.run([*unshare("--mount"), script, disk, backtestd, "run", "--strategy", "strategy.json", "--candles", "candles.csv",
                           "--trades", "disk/out.csv", "--json"], cwd=lab, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 71, (done.stdout, done.stderr)
    assert "disk/out.csv: could not be written completely: No space left on device" in done.stderr
    assert done.stdout.endswith("before\n")


@pytest.mark.parametrize("option", ["--trades", "--equity"])
def test_results_go_where_links_lead_and_into_devices(run, lab, option):
    real, link, twin = lab / "real.csv", lab / "link.csv", lab / "twin.csv"
    real.write_text("before\n")
    link.symlink_to("real.csv")
    assert run(option, link).returncode == 0
    assert link.is_symlink() and real.read_text().count("\n") > 1
    os.link(real, twin)
    real.write_text("before\n")
    assert run(option, real).returncode == 0 and twin.read_text() == real.read_text() != "before\n"
    fresh = lab / "fresh.csv"
    mask = os.umask(0o027)
    try:
        assert run(option, fresh).returncode == 0
    finally:
        os.umask(mask)
    assert fresh.stat().st_mode & 0o777 == 0o640
    assert run(option, "/dev/null").returncode == 0
    full = run(option, "/dev/full")
    assert full.returncode == 71 and "/dev/full: could not be written completely: No space left on device" in full.stderr
    none = run(option, lab / "none" / "x.csv")
    assert none.returncode == 71 and "cannot be written: No such file or directory" in none.stderr
