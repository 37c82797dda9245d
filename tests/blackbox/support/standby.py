"""A synchronous standby that is not there: commits wait for it."""
import threading

import psycopg

from .wait import SLOWNESS, wait_until


def gone(cluster, db):
    """Returns when commits wait. `db` is a superuser's connection."""
    _set(db, "gone")
    _until_commits_wait(cluster, db)


def back(db):
    _set(db, "")


def _set(db, names):
    db.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    db.execute("SELECT pg_reload_conf()")
    wait_until(lambda: db.execute("SHOW synchronous_standby_names").fetchone()[0] == names, 10, "the setting")


def _until_commits_wait(cluster, db):
    """The checkpointer tells the others that there is a standby to wait for: commits until then do not wait."""
    over = threading.Event()

    def commit():
        with psycopg.connect(cluster.url(), autocommit=True) as c:
            while not over.is_set():
                c.execute("CREATE TABLE probe ()")
                for statement in ("SET synchronous_commit = local", "DROP TABLE probe", "RESET synchronous_commit"):
                    c.execute(statement)  # one by one: together they are one transaction

    thread = threading.Thread(target=commit, daemon=True)
    thread.start()
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = current_user"
    pid, = wait_until(lambda: db.execute(waiting).fetchone(), 20, "a commit to wait for the standby")
    over.set()
    db.execute("SELECT pg_cancel_backend(%s)", [pid])
    thread.join(20 * SLOWNESS)
