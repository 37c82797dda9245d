"""A token opens from its first use on: a worker that does not know it asks the database before it refuses. Whoever sends
tokens that do not exist gets one answer, and makes few queries."""
import concurrent.futures
import os
import re
import secrets
import subprocess
import threading
import time

import pytest
from support import daemon as daemons
from support.wait import SLOWNESS, wait_until

PATH = "/api/v1/strategies"
# The block of README.md as a script. Each step is its own program, as in a shell; -f ends with 22 at a 401.
SCRIPT = """
set -eu
for i in $(seq "$1"); do
    token=$("$STRATSLABD" token create "me-$i" --scope read --scope write --expires 90d)
    curl -sSf -o /dev/null "$url/api/v1/strategies" -H "Authorization: Bearer $token"
    "$STRATSLABD" token revoke "me-$i" >/dev/null
done
"""


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def stranger():
    return "stl_" + secrets.token_hex(32)


def refused(answer):
    assert answer.status == 401 and answer.json()["code"] == "invalid_token", answer.text
    assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token", error_description="The token is not known"')
    return re.sub(r'"request_id":"[^"]*"', "", answer.text)


@pytest.fixture
def make(command):
    def run(name, *arguments):
        done = command("token", "create", name, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_the_readme_s_block_works_as_a_script(daemon, database, stratslabd, tmp_path):
    """50 times, with 4 workers, each request on a connection of its own."""
    d = daemon(auth="token", workers=4)
    script = tmp_path / "access.sh"
    script.write_text(SCRIPT)
    env = daemons.environment({"DATABASE_URL": database.url, "environment": "development", "STRATSLABD": stratslabd,
                               "migrations_dir": os.path.realpath(daemons.MIGRATIONS)})
    done = subprocess.run(["sh", str(script), "50"], env={**env, "url": d.url}, text=True, capture_output=True,
                          timeout=120 * SLOWNESS, check=False)
    assert done.returncode == 0, done.stderr
    assert "status=401" not in d.log()


@pytest.mark.parametrize(("method", "body", "status"), [
    ("GET", None, 200), ("HEAD", None, 200), ("POST", {"name": "a", "kind": "k"}, 201),
    ("POST", {"name": "x" * 101, "kind": "k"}, 422), ("POST", {"name": "a", "kind": "k", "parameters": {"x": "y" * 9000}}, 201),
])
def test_every_kind_of_request_may_be_the_first(daemon, make, method, body, status):
    """The content waits in the connection while its head is held."""
    d = daemon(auth="token", workers=1)
    assert d.request(method, PATH, body, bearer(make("one", "--scope", "read", "--scope", "write"))).status == status
    insufficient = d.request("POST", PATH, {"name": "b", "kind": "k"}, bearer(make("reader", "--scope", "read")))
    assert (insufficient.status, insufficient.json()["code"]) == (403, "insufficient_scope")


def test_the_content_is_asked_for_after_the_token_is_known(daemon, make):
    """Expect: 100-continue. A stranger is refused without it."""
    d = daemon(auth="token", workers=1)

    def post(token):
        with d.connect() as s:
            s.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nExpect: 100-continue\r\n"
                      "Content-Type: application/json\r\nContent-Length: 25\r\n\r\n".encode())
            first = s.recv(65536)
            if first.startswith(b"HTTP/1.1 100"):
                s.sendall(b'{"name":"a","kind":"kk"} ')
                return first + s.recv(65536)
            return first

    assert re.match(rb"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ", post(make("w", "--scope", "write")))
    assert post(stranger()).startswith(b"HTTP/1.1 401 ")


def test_a_client_that_leaves_while_it_is_held(daemon, database, make):
    d = daemon(auth="token", workers=1, database_statement_timeout="30s", database_lock_timeout="30s")
    with database.connect() as db:
        with db.transaction():
            db.execute("LOCK TABLE access_tokens_state IN ACCESS EXCLUSIVE MODE")
            for _ in range(20):
                s = d.connect()
                s.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stranger()}\r\n\r\n".encode())
                s.close()
        token = make("one")
    assert d.request("GET", PATH, headers=bearer(token)).status == 200


def test_strangers_get_one_answer_and_make_few_queries(start_daemon, stratslabd, cluster, own_database):
    settings = {"migrations_dir": os.path.realpath(daemons.MIGRATIONS), "DATABASE_URL": own_database.url}
    assert daemons.run(stratslabd, "migrate", "up", **settings).returncode == 0
    good = daemons.run(stratslabd, "token", "create", "good", **settings).stdout.strip()
    with own_database.connect() as db:
        db.execute(f"ALTER DATABASE {own_database.name} SET log_statement = 'all'")
    d = start_daemon(DATABASE_URL=own_database.url, auth="token", workers=1, log_access="off")
    stop, answers = threading.Event(), []

    def flood():
        with d.client() as c:
            while not stop.is_set():
                answers.append(refused(c.request("GET", PATH, headers=bearer(stranger()))))

    def executed():
        with open(cluster.log, encoding="utf-8", errors="replace") as f:
            return len(re.findall(r"LOG:  execute loadTokens:", f.read()))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        before, start = executed(), time.monotonic()
        floods = [pool.submit(flood) for _ in range(8)]
        with d.client() as c:
            while time.monotonic() - start < 4:
                assert c.request("GET", PATH, headers=bearer(good)).status == 200
        new = daemons.run(stratslabd, "token", "create", "new", **settings).stdout.strip()
        assert d.request("GET", PATH, headers=bearer(new)).status == 200  # in the middle of it
        looks, took = executed() - before, time.monotonic() - start
        stop.set()
        for one in floods:
            one.result(60)
    print(f"\n8 clients with {len(answers)} unknown tokens: {looks} looks at the database in {took:.1f} s, by one worker")
    assert len(set(answers)) == 1
    assert looks <= 20 + (took + 1) * 11


def test_a_token_that_was_refused_is_not_asked_for_again(start_daemon, stratslabd, cluster, own_database):
    with own_database.connect() as db:
        db.execute(f"ALTER DATABASE {own_database.name} SET log_statement = 'all'")
    d = start_daemon(DATABASE_URL=own_database.url, auth="token", workers=1)

    def executed():
        with open(cluster.log, encoding="utf-8", errors="replace") as f:
            return len(re.findall(r"LOG:  execute loadTokens:", f.read()))

    wrong, start, before = stranger(), time.monotonic(), executed()
    for _ in range(300):
        refused(d.request("GET", PATH, headers=bearer(wrong)))
    took = time.monotonic() - start
    assert executed() - before <= 4 + 2 * took  # one a second, whoever comes


def test_a_database_that_does_not_answer_opens_nothing(daemon, database, command, make):
    """The token may be good, so that it is not called bad; and it does not open."""
    d = daemon(auth="token", workers=1, database_statement_timeout="1s", database_lock_timeout="60s")
    token = make("one")
    with database.connect() as db:
        with db.transaction():
            db.execute("LOCK TABLE access_tokens_state IN ACCESS EXCLUSIVE MODE")
            answer = d.request("GET", PATH, headers=bearer(stranger()), timeout=30)
            assert (answer.status, answer.json()["code"]) == (503, "timeout") and answer.headers["Retry-After"]
    assert d.request("GET", PATH, headers=bearer(token)).status == 200
    assert command("token", "revoke", "one").returncode == 0
    wait_until(lambda: d.request("GET", PATH, headers=bearer(token)).status == 401, 20, "the revoked token to be refused")
