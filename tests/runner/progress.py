"""A plugin of pytest that says in plain lines what runs, how far it is, and at once what has failed. STRATSLAB_TEST_SUITE is the name
that each line begins with. Under pytest-xdist the controller says it. STRATSLAB_TEST_TURN=K/N runs the K-th of N parts of the tests,
where all of them would take too long. STRATSLAB_TEST_FAILED is a file that gets the names of what failed."""
import os
import time
import zlib

import pytest

SECONDS_BETWEEN = 10


class Progress:
    def __init__(self):
        self.name = os.environ.get("STRATSLAB_TEST_SUITE", "tests")
        self.began = self.said = time.monotonic()
        self.total = self.done = self.skipped = 0
        self.failed = []

    def say(self, text):
        self.said = time.monotonic()
        # Through the terminal reporter's own stream, a whole line at a time.
        self.reporter.write_line(f"{self.name}: {text}")
        self.reporter.flush()

    def state(self):
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{self.done} of {self.total} done{failed}, {time.monotonic() - self.began:.0f} s"

    def count(self, number):
        self.total = number
        self.say(f"{number} tests")

    def finish(self, report):
        """A report of one phase of one test, or of the collection of a file."""
        if report.outcome == "failed" and report.nodeid not in self.failed:
            self.failed.append(report.nodeid)
            crash = getattr(report.longrepr, "reprcrash", None)
            why = (crash.message if crash else str(report.longrepr)).strip().split("\n")[0]
            self.say(f"FAILED {report.nodeid} ({getattr(report, 'when', 'collection')}): {why[:300]}")
        if getattr(report, "when", None) == "teardown":
            self.done += 1
            if time.monotonic() - self.said >= SECONDS_BETWEEN:
                self.say(f"{self.state()}; the last: {report.nodeid}")


progress = Progress()


def pytest_sessionstart(session):
    progress.reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    progress.is_worker = hasattr(session.config, "workerinput")


def pytest_collection_modifyitems(config, items):
    turn = os.environ.get("STRATSLAB_TEST_TURN")
    if turn:
        part, parts = map(int, turn.split("/"))
        turns = {item: zlib.crc32(item.nodeid.encode()) % parts + 1 for item in items}
        items[:] = [item for item, its in turns.items() if its == part]
        config.hook.pytest_deselected(items=[item for item, its in turns.items() if its != part])


def pytest_collection_finish(session):
    # Under xdist the controller collects nothing; its workers do, and each finds the same.
    if not progress.is_worker and session.items:
        progress.count(len(session.items))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(ids):
    if progress.total == 0:
        progress.count(len(ids))


def pytest_sessionfinish():
    path = os.environ.get("STRATSLAB_TEST_FAILED")
    if path and not progress.is_worker and progress.failed:
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(f"{name}\n" for name in progress.failed)


def pytest_collectreport(report):
    if not progress.is_worker:
        progress.finish(report)


def pytest_runtest_logreport(report):
    if not progress.is_worker:
        progress.finish(report)


@pytest.hookimpl(hookwrapper=True)
def pytest_report_teststatus():
    """No dots: the lines above take their place."""
    outcome = yield
    outcome.force_result((outcome.get_result()[0], "", ""))
