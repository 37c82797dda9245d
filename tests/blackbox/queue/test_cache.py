"""The cache of candles: nothing that happens to its folder fails a backtest, or changes a result."""
import os
import shutil
import tempfile

import pytest
from support.backtests import Lab
from support.daemon import Backtestd, migrate
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
    parent = tempfile.mkdtemp(prefix="stratslab-cache.", dir="/tmp")
    os.chmod(parent, 0o777)
    yield os.path.join(parent, "cache")
    shutil.rmtree(parent, ignore_errors=True)


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


def test_a_folder_that_goes_away_is_told_once(daemon, lab, folder):
    d = daemon(workers=1, cache_dir=folder)
    strategy = lab.strategy()
    first = lab.succeed(lab.request(strategy))
    shutil.rmtree(folder)
    for backtest in lab.request(strategy, count=3):
        done = lab.succeed(backtest)
        assert done["result_hash"] == first["result_hash"]
        d.wait_log(f"id={done['id']} .*cached=no")
    assert d.log().count("the cache of candles cannot be used as it should") == 1
    assert folder in d.log()


def test_a_folder_of_somebody_else_is_not_used(daemon, lab, folder):
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    d = daemon(workers=1, cache_dir=folder)
    lab.succeed(lab.request(lab.strategy()))
    d.wait_log("it is not the user's own, or others may write there")
    assert os.listdir(folder) == []
