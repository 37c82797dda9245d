"""Commands that nobody watches over: a lock, or a server that hangs, holds them for a bounded time, and they say which it was."""
import contextlib
import os
import signal
import subprocess

import pytest
from support import daemon as daemons
from support import processes
from support.wait import SLOWNESS, wait_until

TOKENS = [("token", "list"), ("token", "create", "locked-out"), ("token", "revoke", "nobody")]
LEDGER = [("migrate", "status"), ("migrate", "up"), ("check",)]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def begin(own_database):
    """begin(program, "check"): a command that runs on the database; killed at the end, if it is still there."""
    begun = []

    def start(program, *arguments, **settings):
        env = daemons.environment({
            "DATABASE_URL": own_database.url, "migrations_dir": os.path.realpath(daemons.MIGRATIONS), "environment": "development",
            "database_connect_timeout": "1s", "database_statement_timeout": "2s", "database_lock_timeout": "1s",
            "migrate_lock_timeout": "3s", "database_boot_timeout": "3s", **settings})
        begun.append(subprocess.Popen([program, *arguments], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield start
    for one in begun:
        if one.poll() is None:
            one.kill()
        one.communicate()


def signal_all(pids, number):
    """A process of the server may end by itself meanwhile."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def frozen(cluster):
    """The server's processes stop; they go on at the end."""
    server = [cluster.server.pid, *processes.children(cluster.server.pid)]
    signal_all(server, signal.SIGSTOP)
    try:
        yield
    finally:
        signal_all(server, signal.SIGCONT)


def ended(one):
    """Exit status, and all that was said."""
    try:
        out, err = one.communicate(timeout=45 * SLOWNESS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{one.args} waits without end") from None
    assert "stl_" not in out, "a token was shown that was not made"
    return one.returncode, out + err


def test_a_lock_holds_no_command_without_end(stratslabd, own_database, begin):
    daemons.migrate(stratslabd, own_database.url)
    with own_database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE access_tokens, strategies")
        pid = holder.info.backend_pid
        tokens = [begin(stratslabd, *words) for words in TOKENS]
        check = begin(stratslabd, "check")
        for one in tokens:
            status, said = ended(one)
            assert status == 69 and "another session has locked the tokens" in said, (one.args, said)
        status, said = ended(check)
    assert status == 75 and "statement listStrategies cannot be prepared: it waits for a lock" in said, said
    assert f"process {pid} " in said and "waited 3s" in said, said


def test_a_server_that_hangs_holds_no_command_without_end(stratslabd, backtestd, cluster, own_database, begin):
    """It hangs while they wait for its answer, and takes no word to cancel them either."""
    daemons.migrate(stratslabd, own_database.url)
    with own_database.connect() as holder, holder.transaction(force_rollback=True):
        holder.execute("LOCK TABLE access_tokens, schema_migrations")
        # Time enough that all of them come to the lock before the first one is out of patience.
        times = {"database_lock_timeout": "1min", "database_statement_timeout": "12s", "migrate_lock_timeout": "12s"}
        begun = [begin(stratslabd, *words, **times) for words in TOKENS + LEDGER] + [begin(backtestd, "check", **times)]
        with own_database.connect() as watcher:
            wait_until(lambda: watcher.execute(WAITING).fetchone()[0] == len(begun), 20, "everybody to wait for the lock")
        with frozen(cluster):
            for one in begun:
                status, said = ended(one)
                assert status == 69 and "does not answer" in said, (one.args, said)
