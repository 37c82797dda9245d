"""backtestd's workers and the queue: a backtest from its request to its result, and what may come in between."""
import os
import signal

import pytest
from support import processes
from support.backtests import COSTLY, Lab
from support.daemon import Backtestd, migrate
from support.wait import wait_until

pytestmark = pytest.mark.parametrize("kind", [Backtestd], ids=["backtestd"], indirect=True)


@pytest.fixture
def lab(database, stratslabd, backtestd, tmp_path):
    migrate(stratslabd, database.url)
    return Lab(database, backtestd, tmp_path)


def outcomes(d, id):
    """How the claims of a backtest ended, as the log tells."""
    import re
    return re.findall(rf"msg=backtest id={id} .*?outcome=(\w+)", d.log())


def test_a_result_is_that_of_backtestd_run(daemon, lab):
    lab.candles(bars=3000)
    d = daemon(workers=2)
    parameters = {"fast": 5, "slow": 20}
    backtest = lab.request(lab.strategy("sma_crossover", parameters), start="2024-02-01T00:00:00Z", end="2024-04-01T00:00:00Z",
                           execution={"fee": {"percent": 0.1}})
    done = lab.succeed(backtest)
    with open(os.path.join(lab.folder, "execution.json"), "w", encoding="utf-8") as f:
        f.write('{"fee": {"percent": 0.1}}')
    metrics, trades, equity = lab.run("sma_crossover", parameters, "--start", "2024-02-01T00:00:00Z", "--end", "2024-04-01T00:00:00Z",
                                      "--capital", "10000", "--execution", f.name)
    assert done["result_hash"] == metrics["result_hash"]
    assert done["engine"] == metrics["engine"]
    for name, value in done["metrics"].items():
        assert value == metrics[name], name
    stored = lab.trades(backtest)
    assert len(stored) == len(trades) > 10
    for row, own in zip(stored, trades):
        assert (str(row[0]), row[1], row[2], row[4], row[5], row[9], row[10]) == (
            own["n"], own["side"], own["quantity"], own["entry_price"], own["entry_reason"], own["pnl"], own["fees"]), own
    assert lab.pieces(backtest)[1] == len(equity)
    assert done["attempts"] == 1 and done["progress"] == 1
    d.wait_log(f"msg=backtest id={backtest} kind=sma_crossover symbol=LAB:X timeframe=1h outcome=succeeded")
