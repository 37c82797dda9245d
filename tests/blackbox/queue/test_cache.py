"""The cache of candles: nothing that happens to its folder fails a backtest, or changes a result."""
import os
import shutil
import subprocess
import time

import pytest
from support import folders
from support.backtests import Lab
from support.daemon import Backtestd, migrate
from support.namespaces import ENTER, unshare
from support.wait import wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)


@pytest.fixture
def lab(database, stratslabd, backtestd, tmp_path):
    migrate(stratslabd, database.url)
    lab = Lab(database, backtestd, tmp_path)
    lab.candles(bars=5000)
    return lab


@pytest.fixture
def folder():
    """A path at which whoever the workers are may make the folder."""
    with folders.made("cache", 0o777) as parent:
        yield os.path.join(parent, "cache")
        os.chmod(parent, 0o777)


def test_a_damaged_file_is_found_and_made_again(daemon, lab, folder):
    d = daemon(workers=1, cache_dir=folder)
    strategy = lab.strategy()
    first = lab.succeed(lab.request(strategy))
    [name] = os.listdir(folder)
    path = os.path.join(folder, name)
    with open(path, "r+b") as f:
        whole = f.read()
        f.seek(len(whole) // 2)
        f.write(bytes([whole[len(whole) // 2] ^ 1]))
    second = lab.succeed(lab.request(strategy))
    assert second["result_hash"] == first["result_hash"]
    d.wait_log(f"id={second['id']} .*cached=no")
    with open(path, "rb") as f:
        assert f.read() == whole
    third = lab.succeed(lab.request(strategy))
    assert third["result_hash"] == first["result_hash"]
    d.wait_log(f"id={third['id']} .*cached=yes")
    wait_until(lambda: "backtestd_cache_damaged_total 1\n" in d.request("GET", "/metrics").text, 15, "the figure")


def tries(d, lab, strategy, symbol="LAB:X"):
    """A backtest more: its hash, and whether its candles were in the cache."""
    done = lab.succeed(lab.request(strategy, symbol=symbol))
    return done["result_hash"], d.wait_log(rf"msg=backtest id={done['id']} .*cached=(\w+)").group(1) == "yes"


def told(d):
    return d.log().count("the cache of candles cannot be used as it should")


@pytest.mark.parametrize("can_be_made", [True, False], ids=["made_again", "not_made_again"])
def test_a_folder_that_goes_away(daemon, lab, folder, can_be_made):
    """A worker may make no folder. If another worker can, it takes its place."""
    parent = os.path.dirname(folder)
    d = daemon(workers=1, cache_dir=folder)
    strategy = lab.strategy()
    first = lab.succeed(lab.request(strategy))
    shutil.rmtree(folder)
    if not can_be_made:
        os.chmod(parent, 0o555)
        for _ in range(3):
            assert tries(d, lab, strategy) == (first["result_hash"], False)
        assert "asking to be replaced" not in d.log()
        os.chmod(parent, 0o777)
    assert tries(d, lab, strategy) == (first["result_hash"], False)
    d.wait_log("asking to be replaced.*why=\"STRATSLAB_CACHE_DIR is another folder now\"")
    wait_until(lambda: tries(d, lab, strategy) == (first["result_hash"], True), 60, "the cache to be used again")
    assert told(d) == 1 and f"the cache of candles in {folder} cannot be written (No such file or directory)" in d.log()


# ---- A disk of its own ----

SMALL = """#!/bin/sh
set -eu
mount -t tmpfs -o "mode=1777,$2" none "$1"
shift 2
exec "$@"
"""


class Disk:
    """A small file system that only a daemon sees, at `path`."""

    def __init__(self, folder):
        self.path, self.script = os.path.join(folder, "disk"), os.path.join(folder, "small")
        self.cache = os.path.join(self.path, "cache")
        os.mkdir(self.path)
        with open(self.script, "w", encoding="utf-8") as f:
            f.write(SMALL)

    def command(self, options, program):
        own = [*unshare("--mount"), "sh", self.script, self.path, options]
        if subprocess.run([*own, "true"], capture_output=True, check=False).returncode != 0:
            pytest.skip(f"{' '.join(own)} is not possible here (the unit test test_cache_disk_full has a limit in its place)")
        return " ".join([*own, program])

    def inside(self, d, *command):
        done = subprocess.run(["nsenter", "--target", str(d.pid), *ENTER, "--mount", *command], capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def change(self, d, option):
        """With its source named, mount(8) passes on this option alone: of the others, some are not taken back in a user namespace."""
        self.inside(d, "mount", "-t", "tmpfs", "-o", f"remount,{option}", "none", self.path)

    def files(self, d):
        return self.inside(d, "ls", "-A", self.cache).split()


@pytest.fixture
def disk(folder):
    return Disk(os.path.dirname(folder))


@pytest.mark.parametrize("trouble, cure, words", [("size=64k", "size=4m", "No space left on device"),
                                                  ("ro", "rw", "Read-only file system")], ids=["full", "read_only"])
def test_a_disk_that_cannot_be_written_for_a_while(start_daemon, database, lab, disk, backtestd, trouble, cure, words):
    d = start_daemon("serve", program=disk.command("size=4m", backtestd), DATABASE_URL=database.url, workers=1, cache_dir=disk.cache)
    disk.change(d, trouble)
    strategy = lab.strategy()
    wanted, _ = tries(d, lab, strategy)
    # A sleep, as nothing tells of a further try in vain: trouble is told once, and on a disk that is read-only it leaves no trace. The cache
    # is not tried again for a second (QUEUE_CACHE_PAUSE_MS). If that is over already, as the machine is slow, all below holds the same.
    time.sleep(1.1)
    assert tries(d, lab, strategy) == tries(d, lab, strategy) == (wanted, False)
    assert disk.files(d) == []
    assert told(d) == 1 and f"the cache of candles in {disk.cache} cannot be written ({words})" in d.log()
    disk.change(d, cure)
    wait_until(lambda: tries(d, lab, strategy) == (wanted, True), 60, "the cache to be used again")
    assert len(disk.files(d)) == 1 and told(d) == 1
    assert wanted == lab.run("sma_crossover", {})[0]["result_hash"]


@pytest.mark.parametrize("options", ["size=600k", "size=4m,nr_inodes=4"], ids=["bytes", "inodes"])
def test_a_disk_that_is_smaller_than_the_bound(start_daemon, database, lab, disk, backtestd, options):
    """It has room for two series: what was used the longest ago makes room."""
    symbols = ["LAB:X", "LAB:Y", "LAB:Z"]
    for seed, symbol in enumerate(symbols[1:], 2):
        lab.candles(symbol, bars=5000, seed=seed)
    d = start_daemon("serve", program=disk.command(options, backtestd), DATABASE_URL=database.url, workers=1, cache_dir=disk.cache)
    strategy = lab.strategy()
    wanted = {symbol: lab.run("sma_crossover", {}, symbol=symbol)[0]["result_hash"] for symbol in symbols}
    for symbol in symbols:
        wait_until(lambda: tries(d, lab, strategy, symbol) == (wanted[symbol], True), 60, f"{symbol} to be in the cache")
    assert len(disk.files(d)) == 2 and told(d) == 1 and "No space left on device" in d.log()
    assert tries(d, lab, strategy, "LAB:Y") == (wanted["LAB:Y"], True)
    assert tries(d, lab, strategy, "LAB:X") == (wanted["LAB:X"], False)


def test_a_folder_of_somebody_else_is_not_used(daemon, lab, folder):
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    d = daemon(workers=1, cache_dir=folder)
    lab.succeed(lab.request(lab.strategy()))
    d.wait_log("it is not the user's own, or others may write there")
    assert os.listdir(folder) == []
