"""A service in miniature, run as a process of its own: claimer.py CONNINFO WORKER TABLE [DEATH AFTER]

Claims backtests until there is none, notes each in TABLE(worker, id, attempts), and finishes it. With DEATH it kills itself (a
real SIGKILL) in the middle of backtest number AFTER: "claiming" inside the transaction that claims, "working" behind it, "beating"
behind a heartbeat, "finishing" inside the transaction that finishes."""
import os
import signal
import sys

import psycopg


def work(db, worker, table, death, after):
    def die(where):
        if where == death and done + 1 == after:
            os.kill(os.getpid(), signal.SIGKILL)

    done = 0
    while True:
        with db.transaction():
            claim = db.execute("SELECT id, claim, attempts, parameters FROM backtest_claim(%s, '1 hour')", [worker]).fetchone()
            if claim is None:
                return
            die("claiming")
        job, secret, attempts, parameters = claim
        db.execute(f"INSERT INTO {table} VALUES (%s, %s, %s)", [worker, job, attempts])
        die("working")
        assert db.execute("SELECT backtest_heartbeat(%s, %s, 0.5, '1 hour')", [job, secret]).fetchone() == ("running",)
        die("beating")
        with db.transaction():
            end = db.execute("SELECT backtest_finish(%s, %s, jsonb_build_object('by', %s::text, 'parameters', %s::jsonb))",
                             [job, secret, worker, psycopg.types.json.Jsonb(parameters)]).fetchone()
            die("finishing")
        assert end == ("succeeded",), end
        done += 1


if __name__ == "__main__":
    conninfo, name, notes, *how = sys.argv[1:]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        work(connection, name, notes, how[0] if how else None, int(how[1]) if how else 0)
