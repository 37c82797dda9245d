"""Both programs of two versions side by side. The newer are tests/builds/: they have counters, a setting, a kind of strategy
and another form of the cache's files besides, and their migrations one more, which adds columns and replaces a function."""
import os
import re
import secrets
import shutil

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from support import daemon as daemons
from support import docs_ui, folders
from support.backtests import COSTLY, Lab
from support.client import request
from support.database import make_url
from support.executables import Executable
from support.lab import made_up
from support.metrics import scrape
from support.wait import wait_until

OLDER = os.path.realpath(daemons.MIGRATIONS)
MORE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "builds", "migrations")
NEWEST, = [name[:14] for name in os.listdir(MORE) if name.endswith(".sql")]
AHEAD = f"the database is ahead: it holds 1 migration that this build does not know .newest: {NEWEST}."
BEFORE_RESULTS = "20261126110000"
NOVELTY = {"novelty": "1s", "newer_settings": "STRATSLAB_NOVELTY"}  # the environment that all share
BOTH = pytest.mark.parametrize("name", ["stratslabd", "backtestd"])


@pytest.fixture
def folder():
    """As tmp_path, but whoever the programs run as may read it."""
    with folders.made("versions", 0o755) as path:
        yield path


def copy(source, target):
    for name in os.listdir(source):
        if name.endswith(".sql"):
            shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
            os.chmod(os.path.join(target, name), 0o644)


@pytest.fixture
def migrations(folder):
    """The newer version's folder of migrations."""
    path = os.path.join(folder, "migrations")
    os.mkdir(path)
    os.chmod(path, 0o755)
    copy(OLDER, path)
    copy(MORE, path)
    return path


@pytest.fixture
def programs(stratslabd, backtestd):
    """{(name, is_newer): path}"""
    found = {("stratslabd", False): stratslabd, ("backtestd", False): backtestd}
    for name in ("stratslabd", "backtestd"):
        path = os.path.join(os.path.dirname(stratslabd), "tests", "builds", name)
        if not os.access(path, os.X_OK):
            docs_ui.cannot_run("the program under test has no other build beside it")
        found[name, True] = path
    return found


@pytest.fixture
def lab(database, stratslabd, backtestd, tmp_path):
    daemons.migrate(stratslabd, database.url)
    made = Lab(database, backtestd, tmp_path)
    made.db.prepare_threshold = None  # its SELECT * has more columns after a migration
    return made


@pytest.fixture
def service(lab, database):
    """A role that has what the older version's schema gives a service; the settings that name it."""
    role = f"svc_{secrets.token_hex(6)}"
    lab.db.execute(f"CREATE ROLE {role} LOGIN")
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute("SELECT backtest_grant(%s::regrole)", [role])
    yield {"DATABASE_URL": make_url({**conninfo_to_dict(database.url), "user": role})}
    lab.db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])
    lab.db.execute(f"DROP OWNED BY {role} CASCADE")
    lab.db.execute(f"DROP ROLE {role}")


@pytest.fixture
def start(programs, database, migrations, tmp_path):
    """start("backtestd", is_newer): a daemon; it is stopped and judged at the end."""
    started = []

    def begin(name, is_newer, wait=True, program=None, **settings):
        kind = {"stratslabd": daemons.Daemon, "backtestd": daemons.Backtestd}[name]
        own = database.settings() if name == "stratslabd" else {"DATABASE_URL": database.url}
        given = {**own, "migrations_dir": migrations if is_newer else OLDER, "workers": 1, **settings}
        one = kind(program or programs[name, is_newer], ("serve",), given, str(tmp_path))
        started.append(one)
        one.start(wait)
        one.is_judged = one.is_judged and not is_newer  # the document is the older's
        return one

    yield begin
    daemons.finish(started)


def outcomes(d, backtest):
    return re.findall(rf"msg=backtest id={backtest} .*?outcome=(\w+)", d.log())


def complaints(d):
    return [line for line in d.log().splitlines() if re.search(r"level=(error|warning)", line)]


def check(program, database, folder=OLDER):
    return daemons.run(program, "check", DATABASE_URL=database.url, migrations_dir=folder)


def migrate(programs, database, folder):
    done = daemons.run(programs["stratslabd", True], "migrate", "up", DATABASE_URL=database.url, migrations_dir=folder)
    assert done.returncode == 0, done.stderr


def tour(d, symbol):
    """Every endpoint of the API, for something of its own; the id of a backtest that it has requested."""
    rows = "time,open,high,low,close,volume\n" + "".join(",".join(map(str, row)) + "\n" for row in made_up(60, 60))
    answers = []

    def ask(method, path, status, body=None, headers=None):
        answer = d.request(method, "/api/v1/" + path, body, headers)
        assert answer.status == status, (method, path, answer.status, answer.text)
        answers.append(answer)
        return answer.json() if answer.status != 204 and method != "HEAD" else None

    ask("POST", f"candles/{symbol}/1h", 200, rows, {"Content-Type": "text/csv"})
    ask("GET", f"candles/{symbol}/1h", 200)
    ask("GET", "series", 200)
    ask("GET", f"series/{symbol}/1h", 200)
    kinds = ask("GET", "kinds", 200)
    ask("GET", "functions", 200)
    strategy = ask("POST", "strategies", 201, {"name": symbol, "kind": "sma_crossover", "parameters": {"fast": 2, "slow": 5}})["id"]
    ask("PATCH", f"strategies/{strategy}", 200, {"description": "x"}, {"Content-Type": "application/merge-patch+json"})
    for path in ("strategies", f"strategies/{strategy}", f"strategies/{strategy}/versions", f"strategies/{strategy}/versions/1", "backtests"):
        ask("GET", path, 200)
    wish = {"strategy_id": strategy, "symbol": symbol, "timeframe": "1h", "start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z",
            "initial_capital": 1000}
    backtest = ask("POST", "backtests", 202, wish)["id"]
    other = ask("POST", "backtests", 202, {**wish, "symbol": "NOBODY:S"})["id"]
    d.request("POST", f"/api/v1/backtests/{other}/cancel")
    ask("GET", f"backtests/{backtest}", 200)
    assert kinds and answers
    return backtest


def results(d, backtest):
    for path in ("", "/trades", "/equity"):
        answer = d.request("GET", f"/api/v1/backtests/{backtest}{path}")
        assert answer.status == 200, answer.text


def test_the_older_go_on_after_the_newer_has_migrated(lab, service, start, programs, database):
    """In the middle of a computation, and then side by side: each API's backtests are computed by whoever is free."""
    lab.candles(bars=100000, minutes=1)
    first = start("backtestd", False, **service, **NOVELTY)
    api = start("stratslabd", False, **NOVELTY)
    plain = lab.succeed(lab.request(lab.strategy(), timeframe="1m"))
    costly = lab.request(lab.strategy("rules", COSTLY), timeframe="1m")
    wait_until(first.jobs, 60, "its job")
    newer_api = start("stratslabd", True, **NOVELTY)
    assert lab.db.execute("SELECT count(*) FROM schema_migrations WHERE version = %s", (NEWEST,)).fetchone() == (1,)
    lab.db.execute("SELECT pg_notify('backtests_cancelled', %s)", (str(costly),))  # it asks whether that is so
    wait_until(lambda: lab.get(costly)["note"] == "none", 60, "a heartbeat by the function that took the other's place")
    assert (lab.get(costly)["status"], lab.get(costly)["attempts"]) == ("running", 1)
    lab.cancel(costly)
    wait_until(lambda: outcomes(first, costly) == ["cancelled"], 60, "the older worker to be told")
    assert lab.succeed(lab.request(lab.strategy(), timeframe="1m"))["result_hash"] == plain["result_hash"]
    second = start("backtestd", True, **service, **NOVELTY)

    done = [tour(d, symbol) for d, symbol in ((api, "OLD:A"), (newer_api, "NEW:A"), (api, "OLD:B"), (newer_api, "NEW:B"))]
    hashes = {lab.succeed(backtest)["result_hash"] for backtest in done}
    assert len(hashes) == 1
    for backtest in done:
        results(api, backtest)
        results(newer_api, backtest)
    for d in (first, second, api, newer_api):
        assert request(d.admin_port, "GET", "/health/ready").json()["status"] == "ok"
        assert not complaints(d), d.log()
    # What the older say of it: once, when they start.
    for name in ("stratslabd", "backtestd"):
        said = check(programs[name, False], database)
        assert said.returncode == 0 and re.search(f"schema: ok: {AHEAD}", said.stdout), said
        assert len(re.findall(AHEAD, start(name, False, **NOVELTY).log())) == 1
    wait_until(lambda: scrape(second).value("backtestd_test_ended_total") == scrape(second).value("backtestd_backtests_claimed_total"), 60,
               "its own figures")


def test_a_newer_backtestd_waits_for_the_migration(start, lab, programs, database, migrations):
    """Its statements would run, but it claims nothing; an older one goes on meanwhile."""
    lab.candles()
    waiting = lab.request(lab.strategy())
    newer = start("backtestd", True, wait=False)
    newer.wait_log(f"the database lacks migrations of this build: run stratslabd migrate up.* missing={NEWEST}", 30)
    # A worker asks how long the queue is after it has claimed what there is.
    wait_until(lambda: scrape(newer).value("backtestd_queue_backtests") == 1, 60, "the queue's length")
    assert (lab.get(waiting)["status"], lab.get(waiting)["attempts"]) == ("queued", 0)
    ready = newer.admin("GET", "/health/ready")
    assert (ready.status, ready.json()["status"]) == (503, "schema_mismatch")
    said = check(programs["backtestd", True], database, migrations)
    assert said.returncode == 65 and f"the first of them {NEWEST}; apply them with: stratslabd migrate up" in said.stderr, said

    older = start("backtestd", False)
    lab.succeed(waiting)
    assert outcomes(older, waiting) == ["succeeded"]
    older.stop()
    next_one = lab.request(lab.strategy())
    pids = [worker["pid"] for worker in newer.status()["workers"]]
    start("stratslabd", True)
    newer.wait_ready()
    assert lab.succeed(next_one)["attempts"] == 1
    assert [worker["pid"] for worker in newer.status()["workers"]] == pids
    assert scrape(newer).value("backtestd_backtests_claimed_total") == 1


def test_a_backtestd_whose_statements_do_not_fit_yet_waits_too(start, stratslabd, database):
    done = daemons.run(stratslabd, "migrate", "up", "--to", BEFORE_RESULTS, DATABASE_URL=database.url, migrations_dir=OLDER)
    assert done.returncode == 0, done.stderr
    with database.connect() as db:
        wish = ('{"strategy_id": "%s", "symbol": "X", "timeframe": "1d", "start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z",'
                ' "initial_capital": 1000}')
        strategy, = db.execute("INSERT INTO strategies (name, kind, parameters) VALUES ('s', 'sma_crossover', '{}') RETURNING id").fetchone()
        backtest, = db.execute("SELECT id FROM backtest_request(%s, NULL, NULL)", (wish % strategy,)).fetchone()
        d = start("backtestd", False, wait=False)
        d.wait_log("the database's schema is not what this build needs: run stratslabd migrate up", 30)
        assert d.admin("GET", "/health/ready").json()["status"] == "schema_mismatch"
        daemons.migrate(stratslabd, database.url)
        d.wait_ready(60)
        told = "SELECT status, attempts, error->>'code' FROM backtests WHERE id = %s"
        wait_until(lambda: db.execute(told, (backtest,)).fetchone() == ("failed", 1, "no_data"), 60, "it to be worked")


def test_what_only_the_newer_know_is_left_to_them(start, lab, programs, database, migrations):
    lab.candles()
    migrate(programs, database, migrations)
    older, api = start("backtestd", False), start("stratslabd", False)
    made = api.request("POST", "/api/v1/strategies", {"name": "g", "kind": "buy_green", "parameters": {"no": "such"}})
    assert made.status == 201, made.text  # another service's, for all that it knows
    newer_api = start("stratslabd", True)
    refused = newer_api.request("POST", "/api/v1/strategies", {"name": "h", "kind": "buy_green", "parameters": {"no": "such"}})
    assert refused.status == 422, refused.text
    green = lab.request(lab.strategy("buy_green"))
    lab.succeed(lab.request(lab.strategy()))
    lab.succeed(lab.request(lab.strategy()))
    assert (lab.get(green)["status"], lab.get(green)["attempts"]) == ("queued", 0)
    newer = start("backtestd", True)
    assert lab.succeed(green)["attempts"] == 1
    assert outcomes(newer, green) == ["succeeded"] and outcomes(older, green) == []


def test_an_execution_that_only_the_newer_could_compute_fails_with_its_name(lab, start):
    """It is never computed as if it were another one."""
    lab.candles()
    start("backtestd", False)
    done = lab.end(lab.request(lab.strategy(), execution={"fee": {"percent": 0}, "colour": "green"}))
    assert (done["status"], done["error"]["code"], done["attempts"]) == ("failed", "execution_invalid", 1)
    assert "execution.colour is not a setting; the settings are capital, fee.percent," in done["error"]["detail"]


def test_they_share_a_folder_of_the_cache(start, lab, programs, database, migrations, folder):
    """A file of the other version's form is neither misread nor in the way."""
    lab.candles(bars=3000)
    migrate(programs, database, migrations)
    os.chmod(folder, 0o777)
    cache = {"cache_dir": os.path.join(folder, "cache")}
    hashes = []
    for is_newer in (False, True, False, True):
        d = start("backtestd", is_newer, **cache)
        hashes += [lab.succeed(lab.request(lab.strategy()))["result_hash"] for _ in range(2)]
        counted = wait_until(lambda one=d: scrape(one).value("backtestd_backtests_claimed_total") == 2 and scrape(one), 30, "the figures")
        hits, misses = (counted.value(f"backtestd_cache_{what}_total") for what in ("hits", "misses"))
        assert (hits, misses) == ((1, 1) if len(hashes) <= 4 else (2, 0))
        assert counted.value("backtestd_cache_damaged_total") == 0
        d.stop()
    assert len(set(hashes)) == 1
    assert sorted(name.split(".")[-1] for name in os.listdir(cache["cache_dir"])) == ["v2", "v3"]


@BOTH
def test_a_setting_of_the_newer_in_an_environment_that_they_share(name, programs):
    shared = {"novelty": "1s"}
    assert daemons.run(programs[name, True], "config", **shared).returncode == 0
    refused = daemons.run(programs[name, False], "config", **shared)
    assert refused.returncode == 78
    assert '"STRATSLAB_NOVELTY" is not a setting; if it is one of a newer version, list it in STRATSLAB_NEWER_SETTINGS' in refused.stderr
    for is_newer in (False, True):
        done = daemons.run(programs[name, is_newer], "config", **NOVELTY)
        assert done.returncode == 0, done.stderr
        assert ("STRATSLAB_NOVELTY=1s" in done.stdout) == is_newer
        assert ("# passed over, because STRATSLAB_NEWER_SETTINGS lists it: STRATSLAB_NOVELTY" in done.stdout) != is_newer


class Reloaded:
    """A daemon whose executable and whose folder of migrations an upgrade replaces."""

    def __init__(self, name, start, programs, folder, tmp_path, **settings):
        self.builds = {is_newer: programs[name, is_newer] for is_newer in (False, True)}
        self.folder = os.path.join(folder, "installed")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        copy(OLDER, self.folder)
        self.executable = Executable(programs[name, False], str(tmp_path))
        self.d = start(name, False, program=self.executable.path, migrations_dir=self.folder, reload_timeout="60s", **settings)

    def install(self, is_newer):
        self.executable.become(self.builds[is_newer])
        if is_newer:
            copy(MORE, self.folder)
        else:
            for name in os.listdir(MORE):
                os.unlink(os.path.join(self.folder, name))

    def reload(self, expected=0):
        generation = self.d.status()["generation"] + (expected == 0)
        done = daemons.run(self.builds[False], "reload", "--wait", timeout=90, admin_listen=f"127.0.0.1:{self.d.admin_port}")
        assert done.returncode == expected, done.stdout + done.stderr
        wait_until(lambda: {w["generation"] for w in self.d.status()["workers"]} == {generation}, 60, "old workers to end")
        return done.stdout + done.stderr


def test_backtestd_is_reloaded_to_the_newer_and_back(start, lab, programs, database, migrations, folder, tmp_path):
    lab.candles(bars=8000, minutes=1)
    service = Reloaded("backtestd", start, programs, folder, tmp_path, **NOVELTY)
    d, costly = service.d, lab.strategy("rules", COSTLY)
    ask = {"timeframe": "1m"}
    first = lab.succeed(lab.request(lab.strategy(), **ask))
    # Not before the migration is there: it does not migrate itself, and the older goes on.
    service.install(True)
    assert f"lacks 1 of the {len(os.listdir(service.folder))} migrations that this build knows" in service.reload(expected=1)
    assert d.status()["reload"]["step"] == "preflight"
    assert lab.succeed(lab.request(lab.strategy(), **ask))["result_hash"] == first["result_hash"]
    migrate(programs, database, migrations)
    claimed = 2
    for is_newer in (True, False, True):
        if claimed > 2:
            service.install(is_newer)
        long = lab.request(costly, **ask)
        lab.wait_for(long, "running", "succeeded")  # a machine may be so slow that nobody saw it run
        service.reload()
        assert lab.succeed(long)["attempts"] == 1
        assert lab.succeed(lab.request(lab.strategy(), **ask))["result_hash"] == first["result_hash"]
        claimed += 2
        wait_until(lambda n=claimed: scrape(d).value("backtestd_backtests_ended_total", outcome="succeeded") == n, 60, "the figures")
        assert scrape(d).value("backtestd_backtests_claimed_total") == claimed
        ended = scrape(d).value("backtestd_test_ended_total")
        assert ended == {4: 1, 6: 2, 8: 3}[claimed], "the newer has counted its own, and the older nothing in its place"
    assert "no room for all counters" not in d.log()


def test_stratslabd_is_reloaded_to_the_newer_and_back(start, programs, lab, folder, tmp_path):
    service = Reloaded("stratslabd", start, programs, folder, tmp_path, **NOVELTY)
    d = service.d
    tour(d, "T:A")
    service.install(True)
    with d.load() as load:
        load.wait(5)
        service.reload()
        assert lab.db.execute("SELECT count(*) FROM schema_migrations WHERE version = %s", (NEWEST,)).fetchone() == (1,)
        load.wait(5)
        service.install(False)
        service.reload()
        load.wait(5)
    assert set(load.fates) == {200}
    assert lab.db.execute("SELECT count(*) FROM schema_migrations WHERE version = %s", (NEWEST,)).fetchone() == (1,)
    tour(d, "T:B")


@BOTH
def test_a_reload_that_fails_goes_back_although_the_file_has_a_newer_setting(name, start, programs, database, lab, folder, tmp_path):
    """The older takes its own settings back, and does not read the file again."""
    settings = os.path.join(folder, "settings")
    with open(settings, "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), 0o644)
    service = Reloaded(name, start, programs, folder, tmp_path, config=settings)
    service.install(True)
    migrate(programs, database, service.folder)
    service.executable.real = service.builds[True]
    service.executable.replace_workers("abort();")
    with open(settings, "w", encoding="utf-8") as f:
        f.write("STRATSLAB_NOVELTY=1s\n")
    pid = service.d.pid
    done = daemons.run(service.builds[False], "reload", "--wait", timeout=90, admin_listen=f"127.0.0.1:{service.d.admin_port}")
    assert done.returncode == 1, done
    assert service.d.status()["reload"]["step"] == "roll" and service.d.pid == pid
    wait_until(lambda: service.d.admin("GET", "/health/ready").status == 200, 60, "the older to serve on")
