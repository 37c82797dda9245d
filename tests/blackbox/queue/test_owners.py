"""What services write has bounds, and what they hold has an owner: the role that logged in, and whoever knows the secret."""
import contextlib
import json
import secrets
import uuid

import psycopg
import pytest
from psycopg.types.json import Jsonb


def make_role(admin, owner):
    role = f"svc_{secrets.token_hex(6)}"
    admin.execute(f"CREATE ROLE {role} LOGIN")
    owner.execute("SELECT backtest_grant(%s::regrole)", [role])
    return role


@pytest.fixture
def two_services(command, database):
    """A migrated database; two connections, each of a login role of its own that may do what a service does; and one that
    may do everything."""
    migrated = command("migrate", "up")
    assert migrated.returncode == 0, migrated.stderr
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(database.connect())
        owner = stack.enter_context(psycopg.connect(database.url, autocommit=True))
        roles = [make_role(admin, owner) for _ in range(2)]
        admin.execute("INSERT INTO strategies (name, kind, parameters) VALUES ('s', 'rsi', '{\"n\": 14}')")
        yield admin, *(stack.enter_context(database.connect(user=role)) for role in roles)
        for role in roles:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
            admin.execute(f"DROP OWNED BY {role} CASCADE")
            admin.execute(f"DROP ROLE {role}")


def add(admin, count=1, **more):
    """Ids, the oldest first. `more` are columns."""
    columns = "".join(f', "{name}"' for name in more)
    values = "".join(", %s" for _ in more)
    rows = admin.execute(
        f'INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, "start", "end", initial_capital{columns})'
        f" SELECT s.id, 1, 'S', '1d', '2024-01-01', '2025-01-01', 1000{values} FROM strategies AS s, generate_series(1, %s)"
        " RETURNING id", [*more.values(), count]).fetchall()
    return sorted(row[0] for row in rows)


def claim(db, lease="1 minute"):
    return db.execute("SELECT id, claim FROM backtest_claim('worker-1', %s)", [lease]).fetchone()


def row(admin, job):
    return admin.execute("SELECT status, progress, metrics, error, attempts, claimed_by, lease_until FROM backtests WHERE id = %s", [job]).fetchone()


CALLS = {
    "backtest_heartbeat": [0.5],
    "backtest_finish": [Jsonb({"sharpe": 1})],
    "backtest_fail": [Jsonb({"title": "No data"}), False],
    "backtest_give_back": [],
}


def call(db, function, job, secret):
    arguments = [job, secret, *CALLS[function]]
    return db.execute(f"SELECT {function}({', '.join(['%s'] * len(arguments))})", arguments).fetchone()[0]


@pytest.mark.parametrize("function", CALLS)
def test_a_claim_is_its_role_s_and_takes_its_secret(two_services, function):
    admin, one, two = two_services
    job, = add(admin)
    claimed, secret = claim(one)
    assert claimed == job and isinstance(secret, uuid.UUID)
    before = row(admin, job)
    assert call(two, function, job, secret) == "lost"  # the secret alone is not enough
    assert call(one, function, job, uuid.uuid4()) == "lost"  # nor is the role
    with pytest.raises(psycopg.errors.CheckViolation, match="the claim is missing"):
        call(one, function, job, None)
    with pytest.raises(psycopg.errors.DataError):  # what was enough once
        call(one, function, job, "worker-1")
    assert row(admin, job) == before
    assert call(one, function, job, secret) == {"backtest_heartbeat": "running", "backtest_finish": "succeeded",
                                                "backtest_fail": "failed", "backtest_give_back": "queued"}[function]


def test_the_secret_is_told_once_and_kept_nowhere(two_services):
    """Services may read the table, and each other's rows in it."""
    admin, one, two = two_services
    add(admin)
    job, secret = claim(one)
    for db in (admin, two):
        seen, = db.execute("SELECT row_to_json(b)::text FROM backtests AS b WHERE b.id = %s", [job]).fetchone()
        assert str(secret) not in seen and secret.hex not in seen and "claim_sha256" in seen
    assert row(admin, job)[5] == one.info.user


def test_a_role_that_was_set_is_not_who_logged_in(two_services, database):
    """session_user counts: a superuser who became the role for a moment has not logged in as it."""
    admin, one, _ = two_services
    add(admin)
    job, secret = claim(one)
    with database.connect() as other:
        other.execute(f"SET ROLE {one.info.user}")
        assert call(other, "backtest_finish", job, secret) == "lost"


def test_a_new_claim_fences_the_old_one_off(two_services):
    """Of one worker, even: it was thought dead, came back, and claimed the same backtest again."""
    admin, one, _ = two_services
    job, = add(admin)
    _, old = claim(one)
    admin.execute("UPDATE backtests SET lease_until = now() - interval '1 second' WHERE status = 'running'")
    again, new = claim(one)
    assert again == job and new != old
    before = row(admin, job)
    for function in CALLS:
        assert call(one, function, job, old) == "lost"
    assert row(admin, job) == before
    assert call(one, "backtest_finish", job, new) == "succeeded"
    assert call(one, "backtest_finish", job, new) == "succeeded"  # its answer may have been lost
    assert call(one, "backtest_finish", job, old) == "lost"


def test_what_is_given_back_has_lost_no_attempt(two_services):
    admin, one, two = two_services
    job, later = add(admin, 2)
    for _ in range(5):
        claimed, secret = claim(one)
        call(one, "backtest_heartbeat", job, secret)
        assert claimed == job and call(one, "backtest_give_back", job, secret) == "queued"
        assert call(one, "backtest_give_back", job, secret) == "queued"
        assert row(admin, job)[:5] == ("queued", 0, None, None, 0)
    assert claim(two)[0] == job and claim(two)[0] == later


@pytest.mark.parametrize("lease", [None, "0", "-1 second", "-1 day", "1 day 1 second", "1 month", "200000 years", "-200000 years",
                                   # Longer or shorter by the calendar than as they compare.
                                   "1200000 months -36000000 days 1 hour", "-1200000 months 36000000 days 1 hour"])
def test_a_lease_has_bounds(two_services, lease):
    admin, one, _ = two_services
    words = "a lease must be longer than nothing and at most 1 day"
    with pytest.raises(psycopg.errors.CheckViolation, match=words) as refused:  # nothing is queued yet
        claim(one, lease)
    assert refused.value.diag.constraint_name == "backtests_lease_range" and refused.value.diag.message_hint
    job, = add(admin)
    with pytest.raises(psycopg.errors.CheckViolation, match=words):
        claim(one, lease)
    assert row(admin, job)[0] == "queued"
    _, secret = claim(one, "1 day")
    with pytest.raises(psycopg.errors.CheckViolation, match=words):
        one.execute("SELECT backtest_heartbeat(%s, %s, NULL, %s)", [job, secret, lease])
    assert admin.execute("SELECT lease_until - now() BETWEEN '23 hours' AND '1 day' FROM backtests").fetchone() == (True,)


def test_what_a_service_writes_has_bounds(two_services):
    admin, one, two = two_services
    job, other = add(admin, 2)
    _, secret = claim(one)
    _, other_secret = claim(two)
    most = {"backtest_finish": ("metrics", 65536, []), "backtest_fail": ("error", 16384, [False])}
    for function, (what, size, more) in most.items():
        for text in ("x" * size, "x" * 20_000_000):
            with pytest.raises(psycopg.errors.CheckViolation, match=f"the {what} must have at most {size} bytes as text, and this has {len(text) + 9}"):
                one.execute(f"SELECT {function}(%s, %s, %s{', false' * len(more)})", [job, secret, Jsonb({"x": text})])
        with pytest.raises(psycopg.errors.CheckViolation, match=f"the {what} must be a JSON object, and this is a JSON array"):
            one.execute(f"SELECT {function}(%s, %s, '[]'{', false' * len(more)})", [job, secret])
        assert row(admin, job)[0] == "running"
    for worker in ("", "w" * 201, None, "a\nb", "a\x1b[2J"):
        with pytest.raises(psycopg.errors.CheckViolation, match="a worker's name must have 1 to 200 characters"):
            two.execute("SELECT backtest_claim(%s)", [worker])
    assert one.execute("SELECT backtest_finish(%s, %s, %s)", [job, secret, Jsonb({"x": "x" * (65536 - 9)})]).fetchone() == ("succeeded",)
    assert two.execute("SELECT backtest_fail(%s, %s, %s, false)", [other, other_secret, Jsonb({"x": "x" * (16384 - 9)})]).fetchone() == ("failed",)


def test_the_tables_say_it_too(two_services):
    """Whoever writes without the functions."""
    admin, _, _ = two_services
    for columns in ({"status": "succeeded", "finished_at": "now", "metrics": Jsonb({"x": "x" * 70000})},
                    {"status": "failed", "finished_at": "now", "error": Jsonb({"x": "x" * 17000})},
                    {"status": "running", "lease_until": "now", "worker": "w"},  # a claim without an owner
                    {"attempts": 1001}, {"worker": "a\nb"}, {"claimed_by": "r" * 64}, {"claim_sha256": b"short"},
                    {"progress": "0." + "1" * 500}):
        with pytest.raises(psycopg.errors.CheckViolation):
            add(admin, **columns)
    with pytest.raises(psycopg.errors.CheckViolation):
        admin.execute("INSERT INTO backtests (strategy_id, strategy_version, symbol, timeframe, \"start\", \"end\", initial_capital)"
                      " SELECT id, 1, 'S', '1d', '2024-01-01', '2025-01-01', ('0.' || repeat('1', 2000))::numeric FROM strategies")
    with pytest.raises(psycopg.errors.CheckViolation):
        admin.execute("INSERT INTO access_tokens (name, sha256, scopes) VALUES ('a', sha256('a'), array_fill('read'::text, ARRAY[1000]))")


def index_entries(admin):
    """Entries that have been read in the indexes of backtests so far."""
    admin.execute("SELECT pg_stat_force_next_flush()")
    return admin.execute("SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'backtests'").fetchone()[0]


FINISHED, CLAIMS = 100_000, 20


def test_a_claim_reads_what_it_claims_and_not_what_is_finished(two_services, database):
    """Statistics are of the time when all was queued, as after a night's work: a claim must not believe them. What has just
    finished is passed over once, and then a vacuum removes it."""
    admin, one, _ = two_services
    admin.execute("ALTER TABLE backtests SET (autovacuum_enabled = off)")
    add(admin, FINISHED)
    admin.execute("ANALYZE backtests")
    admin.execute("UPDATE backtests SET status = 'succeeded', finished_at = now(), attempts = 1")
    add(admin, 2 * CLAIMS + 1)
    read = {}
    with database.connect(user=one.info.user) as db:
        for when in ("just finished", "vacuumed"):
            if when == "vacuumed":
                admin.execute("VACUUM backtests")
            else:
                job, secret = claim(db)  # passes over what is dead, and marks it
                assert call(db, "backtest_finish", job, secret) == "succeeded"
            db.execute("SELECT pg_stat_force_next_flush()")
            before = index_entries(admin)
            for _ in range(CLAIMS):
                job, secret = claim(db)
                assert call(db, "backtest_finish", job, secret) == "succeeded"
            db.execute("SELECT pg_stat_force_next_flush()")
            db.execute("SELECT 1")
            read[when] = (index_entries(admin) - before) / CLAIMS
    print(f"{FINISHED} finished: index entries a claim and its finish read: {json.dumps(read)}")
    assert max(read.values()) <= 100, read


def test_many_lost_leases_are_found_in_pieces(two_services):
    admin, one, two = two_services
    add(admin, 1500)
    admin.execute("UPDATE backtests SET status = 'running', attempts = 1, worker = 'w', claimed_by = 'r', claim_sha256 = sha256('x'),"
                  " lease_until = now() - interval '1 second', started_at = now()")
    assert [two.execute("SELECT backtest_expire()").fetchone()[0] for _ in range(3)] == [1000, 500, 0]
    assert claim(one) is not None
