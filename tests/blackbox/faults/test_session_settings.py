"""What the SQL relies on is set in each session, whoever says otherwise: docs/operations.md, "What is set in each session"."""
import concurrent.futures
import os
import re
import urllib.parse

import psycopg
import pytest
from support import daemon as daemons
from support.database import Database
from support.kinds import BOTH
from support.wait import wait_until

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
STRATEGIES, BACKTESTS = "/api/v1/strategies", "/api/v1/backtests"
HOSTILE = {
    "standard_conforming_strings": "off", "backslash_quote": "off", "array_nulls": "off", "transform_null_equals": "on",
    "quote_all_identifiers": "on", "timezone_abbreviations": "India", "gin_fuzzy_search_limit": "1", "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard", "TimeZone": "Asia/Kathmandu", "bytea_output": "escape", "extra_float_digits": "-15",
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on", "idle_session_timeout": "1s",
    "transaction_timeout": "1ms", "exit_on_error": "on", "client_min_messages": "error", "statement_timeout": "1ms",
    "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms", "client_encoding": "LATIN1", "search_path": "hostile",
}
TIMEOUTS = {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"}
# Everything here would show: an error, an empty list, another text.
TRAPS = """
    CREATE SCHEMA hostile AUTHORIZATION {role};
    CREATE TABLE hostile.strategies (LIKE public.strategies);
    CREATE TABLE hostile.access_tokens (LIKE public.access_tokens);
    CREATE FUNCTION hostile.rfc3339(timestamptz) RETURNS text LANGUAGE sql AS $$ SELECT 'hostile' $$;
    CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'infinity'::timestamptz $$;
    CREATE FUNCTION hostile.row_to_json(record) RETURNS json LANGUAGE plpgsql AS $$ BEGIN RETURN '"hostile"'; END $$;
    GRANT ALL ON ALL TABLES IN SCHEMA hostile TO {role};
"""


def documented():
    """The names in the document's table."""
    with open(os.path.join(TOP, "docs", "operations.md"), encoding="utf-8") as f:
        part = f.read().split("## What is set in each session", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in part.splitlines() if line.startswith("| `"))))


def known(db):
    """Those of HOSTILE that this server knows; transaction_timeout is PostgreSQL 17's."""
    names = {row[0] for row in db.execute("SELECT lower(name) FROM pg_settings")}
    return {name: value for name, value in HOSTILE.items() if name.lower() in names}


def plain(value):
    """Without what differs from one service to the next: ids and times of now. Their form stays."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str):
        value = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", value)
        return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "NOW", value) if not value.startswith("2024-") else value
    return value


def answers(d):
    """What a service says to a client that tries much; compared as a whole."""
    told = []

    def ask(method, path, body=None, headers=None):
        answer = d.request(method, path, body, headers=headers or {})
        shown = answer.json() if answer.text else None
        if isinstance(shown, dict):
            shown.pop("request_id", None)
        told.append((method, re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path), answer.status, plain(shown), answer.headers.get("ETag")))
        return answer

    for name in ("100% sure", "under_score", r"back\slash", "it's", "ÄÖÜ €", "plain"):
        ask("POST", STRATEGIES, {"name": name, "kind": "k", "parameters": {"a": None, "b": 0.1, "c": "x\\y"}})
    one = ask("POST", STRATEGIES, {"name": "one", "kind": "k"}).json()["id"]
    ask("POST", STRATEGIES, {"name": "one", "kind": "k"})
    for q in ("%", "_", "\\", "'", "Ä", "€", "n", "NULL"):
        ask("GET", STRATEGIES + "?q=" + urllib.parse.quote(q))
    ask("PATCH", f"{STRATEGIES}/{one}", {"parameters": {"x": None, "y": 1e-7}}, {"If-Match": '"1"'})
    ask("PUT", f"{STRATEGIES}/{one}", {"name": "two", "kind": "k"}, {"If-Match": '"1", "2"'})
    ask("PATCH", f"{STRATEGIES}/{one}", {"kind": "m"}, {"If-Match": '"9"'})
    ask("GET", f"{STRATEGIES}/{one}/versions")
    ask("GET", f"{STRATEGIES}/{one}/versions/1")
    wish = {"strategy_id": one, "symbol": "X", "timeframe": "1d", "start": "2024-02-03T04:05:06.789+05:45", "end": "2024-12-11T10:09:08Z",
            "initial_capital": 12345.678901234567}
    made = ask("POST", BACKTESTS, wish, {"Idempotency-Key": "k"}).json()["id"]
    ask("POST", BACKTESTS, wish, {"Idempotency-Key": "k"})
    ask("POST", BACKTESTS, {**wish, "symbol": "Y"}, {"Idempotency-Key": "k"})
    ask("GET", f"{BACKTESTS}/{made}")
    ask("POST", f"{BACKTESTS}/{made}/cancel")
    ask("DELETE", f"{STRATEGIES}/{one}")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: d.request("POST", STRATEGIES, {"name": f"many {n}", "kind": "k"}).status, range(60)))
    told.append(sorted(statuses))
    ask("GET", STRATEGIES + "?q=many&limit=200")
    told[-1] = (told[-1][2], len(told[-1][3]["items"]))
    return told


@pytest.fixture
def calm(daemon):
    """What is answered if nobody has set anything."""
    d = daemon(workers=2)
    told = answers(d)
    d.stop()
    return told


@pytest.fixture
def other():
    """A second database, for the same questions."""
    fresh = Database(os.environ["STRATSLAB_TEST_DATABASE_URL"])
    fresh.create()
    yield fresh
    fresh.drop()


def set_by_role(db, other, settings):
    for name, value in settings.items():
        db.execute(f"ALTER ROLE {other.role} SET {name} = '{value}'")


def set_by_database(db, other, settings):
    for name, value in settings.items():
        db.execute(f"ALTER DATABASE {other.name} SET {name} = '{value}'")


def differences(calm, hostile):
    return [pair for pair in zip(calm, hostile) if pair[0] != pair[1]]


def test_every_one_of_them_is_documented():
    assert documented() == set(HOSTILE)


@pytest.mark.parametrize("way", [set_by_role, set_by_database])
def test_hostile_settings_change_no_answer(daemon, stratslabd, other, calm, way):
    daemons.migrate(stratslabd, other.url)
    with other.connect() as db:
        db.execute(TRAPS.format(role=other.role))
        settings = known(db)
        way(db, other, settings)
    own = " ".join(f"-c {name}=0" for name in sorted(TIMEOUTS & set(settings)))  # this machine may be slow
    with psycopg.connect(other.url, autocommit=True, options=own) as c:  # they do reach a session that pins nothing
        shown = c.execute("SELECT current_setting('TimeZone'), current_setting('search_path')").fetchone()
        assert shown == ("Asia/Kathmandu", "hostile")
    d = daemon(workers=2, DATABASE_URL=other.url, migrate_on_start="off")  # for which a role's time-outs hold
    # A session may need several tries: the first statement of each has one millisecond too.
    wait_until(lambda: d.admin("GET", "/health").json()["status"] == "ok", 30, "both workers to have their sessions")
    assert not differences(calm, answers(d))
    print(f"\n{way.__name__}: {len(settings)} hostile settings, {len(calm)} answers, none differs")
    with other.connect(options=f"{own} -c exit_on_error=off") as db:
        assert db.execute("SELECT count(*) FROM public.strategies").fetchone()[0] > 60
        assert db.execute("SELECT count(*) FROM hostile.strategies").fetchone()[0] == 0


@pytest.mark.parametrize("way", [set_by_role, set_by_database])
def test_hostile_settings_change_no_migration(daemon, other, calm, way):
    """The schema is made under them; the time-outs of a role are the operator's, and hold for migrations."""
    with other.connect() as db:
        way(db, other, {name: value for name, value in known(db).items() if name not in TIMEOUTS | {"search_path"}})
    assert not differences(calm, answers(daemon(workers=2, DATABASE_URL=other.url)))


def test_neither_do_options_of_a_connection_string(daemon, other, calm):
    with other.connect() as db:
        settings = {n: v for n, v in known(db).items() if n not in TIMEOUTS | {"search_path", "client_encoding"}}
    text = " ".join(f"-c {name}={value}".replace(", ", ",") for name, value in settings.items())
    url = other.url + "?options=" + urllib.parse.quote(text)
    assert not differences(calm, answers(daemon(workers=2, DATABASE_URL=url)))


def test_commands_are_the_same(stratslabd, other):
    def tokens():
        made = daemons.run(stratslabd, "token", "create", "a", "--expires", "2099-01-02T03:04:05+05:45", "--scope", "read", "--json",
                           DATABASE_URL=other.url)
        assert made.returncode == 0, made.stderr
        listed = daemons.run(stratslabd, "token", "list", DATABASE_URL=other.url)
        gone = daemons.run(stratslabd, "token", "revoke", "a", DATABASE_URL=other.url)
        assert listed.returncode == gone.returncode == 0
        return re.sub(r"20[23]\d-\S+Z|[0-9a-f]{8}-[0-9a-f-]{27}", "…", listed.stdout)

    daemons.migrate(stratslabd, other.url)
    before = tokens()
    with other.connect() as db:
        db.execute(TRAPS.format(role=other.role))
        set_by_role(db, other, {name: value for name, value in known(db).items() if name not in TIMEOUTS})
    assert tokens() == before and "2099-01-01T21:19:05" in before
    for verb in ("status", "verify", "plan", "up"):
        done = daemons.run(stratslabd, "migrate", verb, DATABASE_URL=other.url, migrations_dir=os.path.realpath(daemons.MIGRATIONS))
        assert done.returncode == 0, (verb, done)


@BOTH
def test_everybody_may_create_where_the_tables_are(kind, start_daemon, program, stratslabd, database):
    """As in a database that was upgraded from PostgreSQL 14. check refuses it and says what helps; the service goes on, and warns."""
    daemons.migrate(stratslabd, database.url)
    settings = {"DATABASE_URL": database.url, "migrations_dir": os.path.realpath(daemons.MIGRATIONS)}
    with database.connect() as db:
        db.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        done = daemons.run(program, "check", **settings)
        helps = "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        assert done.returncode == 65 and helps in done.stderr, done
        d = start_daemon(DATABASE_URL=database.url, workers=1)
        d.wait_log("others may make this service run what they want.*" + helps)
        db.execute(helps)
        done = daemons.run(program, "check", **settings)
        assert done.returncode == 0 and "nobody else may create" in done.stdout, done
        # A role that is neither an owner nor a superuser.
        other = f"{database.role}_other"
        db.execute(f"CREATE ROLE {other}; GRANT CREATE ON SCHEMA public TO {other}")
        try:
            done = daemons.run(program, "check", **settings)
            assert done.returncode == 65 and f"REVOKE CREATE ON SCHEMA public FROM {other}" in done.stderr, done
            # What it left there stays after the REVOKE.
            db.execute(f"SET ROLE {other}; CREATE FUNCTION public.array_to_json(json[]) RETURNS json LANGUAGE sql "
                       f"AS $$ SELECT '[]'::json $$; CREATE FUNCTION public.harmless() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; "
                       f"RESET ROLE; REVOKE CREATE ON SCHEMA public FROM {other}")
            done = daemons.run(program, "check", **settings)
            assert done.returncode == 65 and "DROP FUNCTION public.array_to_json(json[])" in done.stderr, done
            assert "harmless" not in done.stderr
            db.execute("DROP FUNCTION public.array_to_json(json[])")
            assert daemons.run(program, "check", **settings).returncode == 0
        finally:
            db.execute(f"DROP OWNED BY {other}; DROP ROLE {other}")


def test_nobody_else_s_function_is_called(daemon, database):
    """Others' functions and operators of the same names and parameters as PostgreSQL's, in the schema of the tables: those of
    PostgreSQL come first. Nor does what is in a session's temporary schema."""
    d = daemon(workers=1)
    other = f"{database.role}_other"
    called = "BEGIN RAISE EXCEPTION 'somebody else was called'; END"
    with database.connect() as db:
        db.execute(f"CREATE ROLE {other}; GRANT CREATE ON SCHEMA public TO {other}; SET ROLE {other}")
        try:
            for signature in ("row_to_json(record) RETURNS json", "now() RETURNS timestamptz", "encode(bytea, text) RETURNS text",
                              "regexp_replace(text, text, text, text) RETURNS text", "to_char(timestamp, text) RETURNS text",
                              "timezone(text, timestamptz) RETURNS timestamp", "jsonb_to_record(jsonb) RETURNS record",
                              "int8send(bigint) RETURNS bytea", "gen_random_uuid() RETURNS uuid", "clock_timestamp() RETURNS timestamptz"):
                db.execute(f"CREATE FUNCTION public.{signature} LANGUAGE plpgsql AS $$ {called} $$")
            db.execute(f"CREATE FUNCTION public.trap(uuid, uuid) RETURNS boolean LANGUAGE plpgsql AS $$ {called} $$")
            db.execute("CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.trap)")
            db.execute("RESET ROLE")
            db.execute("ANALYZE strategies")  # so that plans are made anew
            d.stop()
            d = daemon(workers=1)
            assert [a for a in answers(d) if isinstance(a, tuple) and a[2:3] == (500,)] == []
            d.wait_log("others may make this service run what they want.*DROP FUNCTION public")
        finally:
            db.execute(f"RESET ROLE; DROP OWNED BY {other}; DROP ROLE {other}")


def test_a_schema_of_ones_own_is_found_by_the_search_path(daemon, stratslabd, other, calm):
    """The role's path says where the tables are made and found, also if it is not public."""
    with other.connect() as db:
        db.execute(f"CREATE SCHEMA app AUTHORIZATION {other.role}; ALTER ROLE {other.role} SET search_path = app, public")
    d = daemon(workers=2, DATABASE_URL=other.url)
    assert not differences(calm, answers(d))
    with other.connect() as db:
        assert db.execute("SELECT count(*) FROM app.strategies").fetchone()[0] > 60
        assert db.execute("SELECT to_regclass('public.strategies')").fetchone()[0] is None


def test_a_session_s_own_words_hold_for_ever(daemon, other):
    """idle_session_timeout of the role does not end the sessions that wait for work."""
    with other.connect() as db:
        db.execute(f"ALTER ROLE {other.role} SET idle_session_timeout = '300ms'")
        d = daemon(workers=1, DATABASE_URL=other.url)
        pids = "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name = 'stratslabd worker' AND datname = current_database()"
        before = db.execute(pids).fetchone()
        old = f"SELECT clock_timestamp() - max(state_change) > interval '2 s' {pids[pids.index('FROM'):]}"
        wait_until(lambda: db.execute(old).fetchone()[0], 30, "the session to be idle for long")
        assert db.execute(pids).fetchone() == before and d.request("GET", STRATEGIES).status == 200
