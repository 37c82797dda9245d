"""Access tokens: who may use the API where STRATSLAB_AUTH is token, and `stratslabd token`."""
import contextlib
import hashlib
import json
import re
import uuid

import pytest
from support import client, daemon
from support.wait import wait_until

PATH = "/api/v1/strategies"
TOKEN = re.compile(r"stl_[0-9a-f]{64}")
REALM = 'Bearer realm="stratslab"'
NOBODY = "stl_" + "0" * 64
SOON = 20  # seconds; it takes one, on a machine that has time


@pytest.fixture
def start(daemon):
    """daemon(), with tokens asked for."""
    def run(*arguments, **settings):
        return daemon(*arguments, **{"auth": "token", **settings})

    return run


@pytest.fixture
def make(command):
    """make("ci", "--scope", "read"): a new token of the test's database."""
    def run(*arguments):
        done = command("token", "create", *arguments)
        assert done.returncode == 0, done.stderr
        assert TOKEN.fullmatch(done.stdout.rstrip("\n")), done.stdout
        return done.stdout.strip()

    return run


@pytest.fixture
def both(command, make):
    assert command("migrate", "up").returncode == 0
    return make("both", "--scope", "read", "--scope", "write")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def get(d, token=None, path=PATH, **headers):
    return d.request("GET", path, headers={**(bearer(token) if token else {}), **headers})


def post(d, token, name):
    return d.request("POST", PATH, {"name": name, "kind": "k"}, bearer(token))


def refused(answer, status, code, challenge):
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == challenge
    body = answer.json()
    assert (body["status"], body["code"], body["request_id"]) == (status, code, answer.headers["X-Request-ID"])


def is_invalid(answer, words="The token is not known"):
    refused(answer, 401, "invalid_token", f'{REALM}, error="invalid_token", error_description="{words}"')
    return True


def known(d, token):
    """Waits until every worker knows the token: it was made while they ran."""
    seen = set()

    def look():
        answer = get(d, token)
        if answer.status != 401:
            seen.add(answer.headers["X-Request-ID"][:16])
        return len(seen) == len(d.workers())

    wait_until(look, SOON, "all workers to know the token")


def tokens(command, *arguments):
    done = command("token", "list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return {token["name"]: token for token in json.loads(done.stdout)["tokens"]}


# ---- the command ----

def test_a_token_is_shown_once_and_kept_as_a_hash(start, command, database):
    start()
    done = command("token", "create", "ci", "--scope", "write", "--expires", "90d", "--json")
    assert done.returncode == 0 and done.stderr == ""
    made = json.loads(done.stdout)
    token = made.pop("token")
    assert TOKEN.fullmatch(token)
    assert uuid.UUID(made["id"]).version == 7
    assert (made["name"], made["scopes"], made["state"]) == ("ci", ["write"], "valid")
    assert made["last_used_at"] is None and made["revoked_at"] is None and made["expires_at"] > made["created_at"]
    assert tokens(command) == {"ci": made}
    with database.connect() as db:
        rows = db.execute("SELECT t::text, t.sha256 FROM access_tokens AS t").fetchall()
        assert len(rows) == 1 and rows[0][1] == hashlib.sha256(token.encode()).digest()
        assert token not in rows[0][0] and token[4:] not in rows[0][0]
        assert db.execute("SELECT expires_at - created_at = interval '90 days' FROM access_tokens").fetchone()[0]
    text = command("token", "create", "other")
    assert TOKEN.fullmatch(text.stdout.rstrip("\n")) and "other (read; expires: never)" in text.stderr
    assert "stl_" not in text.stderr
    shown = command("token", "list").stdout
    assert re.search(r"^NAME +SCOPES +CREATED +EXPIRES +LAST USED +STATE +ID$", shown, re.MULTILINE)
    assert re.search(rf"^ci +write +\S+Z +\S+Z +never +valid +{made['id']}$", shown, re.MULTILINE)
    assert "stl_" not in shown


def test_a_name_is_free_again_once_its_token_is_revoked(start, command, make):
    start()
    make("ci")
    again = command("token", "create", "ci")
    assert again.returncode == 64 and "with this name exists already" in again.stderr and again.stdout == ""
    assert command("token", "revoke", "ci").returncode == 0
    make("ci")
    assert [t["state"] for t in tokens(command).values()] == ["valid"]
    every = json.loads(command("token", "list", "--all", "--json").stdout)["tokens"]
    assert sorted(t["state"] for t in every) == ["revoked", "valid"]
    # An id names a revoked one too; the second time changes nothing.
    gone, = (t for t in every if t["state"] == "revoked")
    done = command("token", "revoke", gone["id"].upper(), "--json")
    assert done.returncode == 0 and json.loads(done.stdout) == gone
    assert command("token", "revoke", "ci", "--json").returncode == 0
    lost = command("token", "revoke", "ci")
    assert lost.returncode == 64 and "no token" in lost.stderr


@pytest.mark.parametrize(("arguments", "words"), [
    ([], "a command is missing: create, list or revoke"),
    (["make"], 'there is no command "make"'),
    (["create"], "NAME is missing"),
    (["revoke"], "NAME|ID is missing"),
    (["create", "a", "b"], '"b" is one word too many'),
    (["create", "a", "--all"], "there is no option --all"),
    (["list", "a"], '"a" is one word too many'),
    (["list", "--scope", "read"], "there is no option --scope"),
    (["create", "a", "--scope", "admin"], '--scope must be read or write, but is "admin"'),
    (["create", "a", "--scope"], "--scope needs a value, read|write"),
])
def test_a_wrong_command_line_is_said(command, arguments, words):
    done = command("token", *arguments)
    assert done.returncode == 64 and words in done.stderr and "See stratslabd token" in done.stderr, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(("arguments", "words"), [
    (["a b"], "a name has 1 to 63 letters"),
    (["é"], "a name has 1 to 63 letters"),
    (["x" * 64], "a name has 1 to 63 letters"),
    (["01A20fa0-3920-7d2b-9b08-4a6111451376"], "may not look like an id"),
    (["a", "--expires", "tomorrow"], "neither a duration"),
    (["a", "--expires", "2027-01-31"], "neither a duration"),
    (["a", "--expires", "2027-01-31T00:00:00"], "neither a duration"),
    (["a", "--expires", ""], "neither a duration"),
    (["a", "--expires", "0"], "more than nothing"),
    (["a", "--expires", "36501d"], "at most 36500d"),
    (["a", "--expires=2020-01-01T00:00:00Z"], "is in the past"),
])
def test_a_wrong_name_or_expiry_is_said(command, database, arguments, words):
    assert command("migrate", "up").returncode == 0
    done = command("token", "create", *arguments)
    assert done.returncode == 64 and words in done.stderr, done.stderr
    assert done.stdout == ""
    with database.connect() as db:
        assert db.execute("SELECT count(*) FROM access_tokens").fetchone() == (0,)


def test_without_its_table_or_its_database_the_command_says_so(command):
    done = command("token", "list")
    assert done.returncode == 65 and "migrate up" in done.stderr
    done = command("token", "list", MIGRATE_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert done.returncode == 69 and "out of reach" in done.stderr


# ---- requests ----

def test_only_a_token_opens_what_is_under_api(start, both):
    d = start()
    known(d, both)
    assert get(d, both).status == 200
    refused(get(d), 401, "unauthorized", REALM)
    for path in ("/", "/health", "/health/ready", "/health/live"):
        assert get(d, path=path).status == 200, path
    assert d.request("OPTIONS", PATH).status == 204
    assert get(d, path="/api/v1/nothing").status == 404
    assert d.request("DELETE", PATH).status == 405
    answer = d.request("HEAD", PATH)
    assert (answer.status, answer.headers["WWW-Authenticate"], answer.body) == (401, REALM, b"")


def test_what_is_no_token_is_refused(start, both):
    d = start()
    known(d, both)
    for value in (f"bearer {both}", f"BEARER   {both}  "):
        assert d.request("GET", PATH, headers={"Authorization": value}).status == 200, value
    for value in (both, f"Basic {both}", f"Token {both}", "Bearer", "", f"Bearer\t{both}"):
        refused(d.request("GET", PATH, headers={"Authorization": value}), 401, "unauthorized", REALM)
    other = "stl_" + "0" * 64
    for token in (other, both.upper(), both[:-1], both + "0", both + " " + both, f"{both}, Bearer {both}", "x", "=", f'"{both}"'):
        is_invalid(d.request("GET", PATH, headers=bearer(token)))
    is_invalid(d.request("POST", PATH, {"name": "n"}, bearer(other)))


def test_scopes(start, make, both):
    d = start()
    reader, writer = make("reader", "--scope", "read"), make("writer", "--scope", "write")
    known(d, writer)
    item = post(d, both, "a")
    assert item.status == 201
    here = item.headers["Location"]
    insufficient = f'{REALM}, error="insufficient_scope", scope="%s"'
    assert get(d, reader, here).status == 200
    assert d.request("HEAD", here, headers=bearer(reader)).status == 200
    for method, path, body in (("POST", PATH, {"name": "b", "kind": "k"}), ("PUT", here, {"name": "b", "kind": "k"}),
                               ("PATCH", here, {"name": "b"}), ("DELETE", here, None), ("POST", "/api/v1/backtests", {})):
        refused(d.request(method, path, body, bearer(reader)), 403, "insufficient_scope", insufficient % "write")
    refused(get(d, writer, here), 403, "insufficient_scope", insufficient % "read")
    assert post(d, writer, "c").status == 201
    assert d.request("DELETE", here, headers=bearer(writer)).status == 204


@contextlib.contextmanager
def of_each_worker(d, workers):
    """A connection to each of the workers."""
    with contextlib.ExitStack() as stack:
        of_worker = {}

        def meet():
            c = stack.enter_context(d.client())
            of_worker.setdefault(c.request("GET", "/health/live").headers["X-Request-ID"][:16], c)
            return len(of_worker) == workers

        wait_until(meet, SOON, "a connection to each worker")
        yield of_worker.values()


def test_a_token_expires(start, make, database):
    d = start(workers=2)
    token = make("brief", "--expires", "1h")
    known(d, token)
    with database.connect() as db:
        db.execute("UPDATE access_tokens SET expires_at = now()")
    with of_each_worker(d, 2) as clients:
        for c in clients:
            wait_until(lambda c=c: c.request("GET", PATH, headers=bearer(token)).status == 401, SOON, "the token to expire")
            is_invalid(c.request("GET", PATH, headers=bearer(token)), "The token has expired")


def test_a_revoked_token_is_refused_by_all_workers_within_seconds(start, command, make, both):
    d = start(workers=4)
    gone = make("gone")
    with of_each_worker(d, 4) as clients:
        for c in clients:
            wait_until(lambda c=c: c.request("GET", PATH, headers=bearer(gone)).status == 200, SOON, "the new token to be known")
        assert command("token", "revoke", "gone").returncode == 0
        for c in clients:
            wait_until(lambda c=c: c.request("GET", PATH, headers=bearer(gone)).status == 401, SOON, "the revoked token to be refused")
            is_invalid(c.request("GET", PATH, headers=bearer(gone)))
            assert c.request("GET", PATH, headers=bearer(both)).status == 200


def test_tokens_outlive_a_reload(start, stratslabd, make, both):
    d = start()
    known(d, both)
    done = daemon.run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0, done.stderr
    for _ in range(8):
        assert get(d, both).status == 200
        refused(get(d), 401, "unauthorized", REALM)


# ---- the database ----

def test_a_database_that_is_away(start_daemon, stratslabd, cluster, own_database):
    """Before the tokens were ever read they cannot be judged; afterwards the last ones known go on to count."""
    migrations = {"migrations_dir": daemon.os.path.realpath(daemon.MIGRATIONS), "DATABASE_URL": own_database.url}
    assert daemon.run(stratslabd, "migrate", "up", **migrations).returncode == 0
    token = daemon.run(stratslabd, "token", "create", "t", **migrations).stdout.strip()
    cluster.stop()
    d = start_daemon(wait=False, DATABASE_URL=own_database.url, auth="token", migrate_on_start="off")

    def answers():
        with contextlib.suppress(OSError, client.http.client.HTTPException):
            return get(d, token)

    answer = wait_until(answers, SOON, "a worker that accepts")
    assert answer.status == 503 and answer.json()["code"] == "database_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1 and "WWW-Authenticate" not in answer.headers
    refused(get(d), 401, "unauthorized", REALM)
    is_invalid(get(d, "x"))
    cluster.start()
    wait_until(lambda: get(d, token).status == 200, SOON, "the tokens to be read")
    wait_until(lambda: {get(d, token).status for _ in range(8)} == {200}, SOON, "by all workers")
    cluster.stop()
    assert wait_until(lambda: (a := get(d, token)).status == 503 and a, SOON, "the database to be missed").json()["code"] == "database_unavailable"
    assert get(d, "stl_" + "0" * 64).json()["code"] == "database_unavailable"  # it may have been made a moment ago
    cluster.start()
    d.wait_ready(SOON)


def test_last_use_is_written_once_a_minute_and_no_request_costs_a_query(start_daemon, stratslabd, cluster, own_database):
    settings = {"migrations_dir": daemon.os.path.realpath(daemon.MIGRATIONS), "DATABASE_URL": own_database.url}
    assert daemon.run(stratslabd, "migrate", "up", **settings).returncode == 0
    reader, other = (daemon.run(stratslabd, "token", "create", name, **settings).stdout.strip() for name in ("reader", "other"))
    with own_database.connect() as db:
        db.execute(f"ALTER DATABASE {own_database.name} SET log_statement = 'all'")
        d = start_daemon(DATABASE_URL=own_database.url, auth="token", workers=1)
        last = "SELECT last_used_at, xmin::text FROM access_tokens WHERE name = 'reader'"
        assert db.execute(last).fetchone()[0] is None
        with d.client() as c:
            for _ in range(200):
                assert c.request("POST", PATH, {"name": "x", "kind": "k"}, bearer(reader)).status == 403
            for _ in range(100):
                assert c.request("GET", PATH, headers=bearer(reader)).status == 200
            first = wait_until(lambda: (row := db.execute(last).fetchone())[0] and row, SOON, "the last use to be written")
            assert c.request("GET", PATH, headers=bearer(reader)).status == 200
            # What is told to the worker afterwards shows that it has looked again, and written nothing.
            for scope, status in (("write", 403), ("read", 200)):
                db.execute("UPDATE access_tokens SET scopes = ARRAY[%s] WHERE name = 'other'", [scope])
                wait_until(lambda s=status: c.request("GET", PATH, headers=bearer(other)).status == s, SOON, "the change to be seen")
        assert db.execute(last).fetchone() == first
    with open(cluster.log, encoding="utf-8", errors="replace") as f:
        executed = re.findall(r"LOG:  execute (\w+):", f.read())
    counts = {name: executed.count(name) for name in set(executed)}
    assert counts.pop("listStrategies") >= 101
    assert 1 <= counts.pop("noteTokens") <= 2, counts  # of reader, and of other
    assert set(counts) <= {"loadTokens", "checkSchema", "checkTrust"} and counts["loadTokens"] < 200, counts


def test_workers_write_no_use_that_is_known_already(start, make, database):
    d = start(workers=2)
    token = make("ci")
    known(d, token)
    with database.connect() as db:
        look = "SELECT last_used_at, xmin::text FROM access_tokens"
        wait_until(lambda: db.execute(look).fetchone()[0], SOON, "the last use to be written")
        first = db.execute(look).fetchone()
        d.stop()
        # These have not told of any use yet, and do so, in vain.
        d.start()
        known(d, token)
        make("later")
        seen = ("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stratslabd worker'"
                " AND datname = current_database()")
        wait_until(lambda: db.execute(seen).fetchone() == (2,), SOON, "the sessions of the workers before to be gone")
        assert db.execute(look + " WHERE name = 'ci'").fetchone() == first


# ---- what others see ----

def test_the_log_says_whose_token_it_was(start, make, both):
    d = start()
    reader = make("reader")
    known(d, reader)
    for token in (both, reader, None, NOBODY):
        get(d, token, f"{PATH}/none-{token[4:8] if token else 'x'}")
    post(d, reader, "n")
    get(d, both, "/health/live")
    d.wait_log(rf"target={PATH}/none-{both[4:8]} status=422 .* client=both\n")
    d.wait_log(rf"target={PATH}/none-{reader[4:8]} status=422 .* client=reader\n")
    d.wait_log(rf"method=POST .* target={PATH} status=403 .* client=reader\n")
    for line in d.log().split("\n"):
        if "status=401" in line or "/health" in line:
            assert "client=" not in line


def test_a_token_is_in_no_log(start, both, make):
    d = start(log_level="debug")
    known(d, both)
    wrong = "stl_" + "a1" * 32
    for token in (both, wrong):
        get(d, token)
        get(d, path=f"{PATH}?access_token={token}")
        get(d, path=f"/{token}/x?a={token}&b={token}")
        post(d, token, "n")
        d.request("GET", PATH, headers={"Authorization": token})
    d.wait_log(r"access_token=\*\*\*", count=2)
    d.wait_log(r"target=\S*/stl_\*\*\*/x\?a=stl_\*\*\*&b=stl_\*\*\*", count=2)
    log = d.log()
    assert "msg=request" in log
    for token in (both, wrong):
        assert token not in log and token[4:] not in log and token[4:40] not in log


def test_off_is_for_this_machine(start, command, database):
    d = start(auth="off")
    assert get(d).status == 200 and get(d, "x").status == 200
    assert "STRATSLAB_AUTH" not in d.log()
    d.stop()
    for settings, result in (({"auth": "off"}, "ok"), ({"auth": "off", "listen": "*:8000"}, "warning"),
                             ({"auth": "off", "listen": "[::1]:8000 unix:/tmp/x"}, "ok"), ({"auth": "token", "listen": "*:8000"}, "ok"),
                             ({"listen": "*:8000"}, "ok")):
        done = command("check", "--json", **settings)
        assert done.returncode == 0, done.stderr
        access, = (line for line in json.loads(done.stdout)["checks"] if line["check"] == "access")
        assert access["result"] == result, (settings, access)
    assert "access: warning: STRATSLAB_AUTH is off" in command("check", auth="off", listen="0.0.0.0:8000").stdout
    assert "access: warning: STRATSLAB_AUTH is off, and STRATSLAB_ALLOWED_HOSTS is *" in command("check", auth="off", allowed_hosts="*").stdout


def test_off_on_a_public_address_is_logged(start):
    """An address that no machine has, so that nothing is opened: the warning comes before it cannot be bound."""
    d = start(wait=False, auth="off", listen="192.0.2.1:8000", expect_exit=71)
    d.wait()
    assert re.search(r'level=warning .*STRATSLAB_AUTH is off" listen=192\.0\.2\.1:8000', d.log()), d.log()
