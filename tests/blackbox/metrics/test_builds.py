"""Reloads between two builds that count different things, both ways: no figure is lost, and none stands under another's name.

The other build is tests/builds/: it has counters more, which stand before the others, and one histogram with other bounds."""
import os

import pytest
from support import docs_ui
from support.daemon import run
from support.load import Load
from support.metrics import fallen, scrape
from support.wait import wait_until

PATH = "/api/v1/strategies"
ANSWERS, QUERIES, SEVEN = "stratslabd_test_answers_total", "stratslabd_test_queries_total", "stratslabd_test_seven"
TIMES = "stratslabd_test_duration_seconds_count"
ALL_QUERIES, QUERY_TIMES = "stratslabd_database_queries_total", "stratslabd_database_query_duration_seconds"
BOUNDS = {True: ["0.0002", "0.002", "0.02", "0.2", "+Inf"],
          False: ["0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5",
                  "10", "+Inf"]}


@pytest.fixture
def other(stratslabd):
    """The path of the other build."""
    path = os.path.join(os.path.dirname(stratslabd), "tests", "builds", "stratslabd")
    return path if os.access(path, os.X_OK) else docs_ui.cannot_run("the program under test has no other build beside it")


class Service:
    """A daemon that is reloaded from one build to the other, and what it must have counted."""

    def __init__(self, d, executable, builds, is_other):
        self.d, self.executable, self.builds, self.is_other = d, executable, builds, is_other
        self.generation = 1
        self.expected = scrape(d).requests()  # those that asked whether it is ready

    def expect(self, method, route, status_class, count):
        key = (method, route, status_class)
        self.expected[key] = self.expected.get(key, 0) + count

    def ask(self):
        """A round of known traffic; each request of its own kind a number of times of its own."""
        kinds = (("GET", "/", "/", "2xx", 2), ("HEAD", "/", "/", "2xx", 3), ("GET", PATH, PATH, "2xx", 5),
                 ("PATCH", PATH, "unmatched", "4xx", 7), ("GET", "/nope", "unmatched", "4xx", 11),
                 ("BREW", "/", "unmatched", "5xx", 13))
        with self.d.client() as client:
            for method, path, route, status_class, count in kinds:
                for _ in range(count):
                    client.request(method, path)
                self.expect(method if method != "BREW" else "other", route, status_class, count)
        return sum(count for *_, count in kinds)

    def reload(self):
        """To the other of the two builds, with requests under way; only that build's workers are left."""
        self.is_other = not self.is_other
        self.executable.become(self.builds[self.is_other])
        with Load(self.d.port, PATH, threads=2, fresh=True) as load:
            load.wait(10)
            done = run(self.builds[False], "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{self.d.admin_port}")
            assert done.returncode == 0, done.stdout + done.stderr
            self.generation += 1
            wait_until(lambda: {w["generation"] for w in self.d.status()["workers"]} == {self.generation}, 20, "old workers to end")
            load.wait(10)
        assert set(load.fates) == {200}
        self.expect("GET", PATH, "2xx", load.total)
        return load.total

    def judge(self):
        """Every figure that can be known."""
        metrics = scrape(self.d)
        assert metrics.requests() == self.expected
        assert metrics.value("stratslabd_http_request_duration_seconds_count") == sum(self.expected.values())
        assert metrics.value("stratslabd_reloads_total", verdict="succeeded") == self.generation - 1
        assert metrics.value("stratslabd_worker_restarts_total") == 0 == metrics.value("stratslabd_database_reconnects_total")
        assert [own["le"] for name, own, _ in metrics.samples if name == f"{QUERY_TIMES}_bucket"] == BOUNDS[self.is_other]
        assert (SEVEN in metrics.types) == self.is_other, "a gauge that nobody sets is not shown"
        return metrics


def others(metrics):
    """What the other build alone counts; nothing before it was there."""
    return metrics.value(ANSWERS) if ANSWERS in metrics.types else 0


def without_bounds(metrics):
    """The counters but the histogram whose bounds are not the same in both builds."""
    metrics.samples = [sample for sample in metrics.samples if not sample[0].startswith(QUERY_TIMES)]
    return metrics


@pytest.mark.parametrize("first_is_other", [False, True], ids=["to-more-and-back", "to-fewer-and-back"])
def test_two_builds_take_over_from_each_other(start_daemon, database, executable, other, first_is_other):
    builds = {False: executable.real, True: other}
    executable.become(builds[first_is_other])
    d = start_daemon("serve", program=executable.path, DATABASE_URL=database.url, workers=2, log_access="off", reload_timeout="20s")
    service = Service(d, executable, builds, first_is_other)
    service.ask()
    before = service.judge()
    timed = {first_is_other: before.value(f"{QUERY_TIMES}_count")}
    for _ in range(3):
        service.reload()
        after = service.judge()
        grown = others(after) - others(before)
        asked = service.ask()
        quiet = service.judge()
        # In the reload both builds' workers answered; now only one's does.
        assert 0 <= grown <= sum(service.expected.values())
        assert others(quiet) - others(after) == (asked if service.is_other else 0)
        assert quiet.value(TIMES) == others(quiet), "its cells are those of its own name"
        if service.is_other:
            assert {v for name, _, v in quiet.samples if name == SEVEN} in ({7}, {0, 7}), "each worker has its own"
            assert quiet.value(f"{QUERY_TIMES}_count") == quiet.value(QUERIES)
        else:
            assert quiet.value(f"{QUERY_TIMES}_count") == quiet.value(ALL_QUERIES) - quiet.value(QUERIES)
        assert quiet.value(f"{QUERY_TIMES}_count") >= timed.get(service.is_other, 0), "it goes on with its own bounds"
        timed[service.is_other] = quiet.value(f"{QUERY_TIMES}_count")
        assert not fallen(without_bounds(before), without_bounds(quiet))
        before = quiet
    assert "no room for all counters" not in d.log()
