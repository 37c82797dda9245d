"""Who a daemon's processes are, and what they have given up: root, capabilities, system calls. (tests/unit/wall tries each thing behind the wall.)"""
import os
import pwd
import re
import signal
import stat
import subprocess

import pytest
from support import daemon as daemons
from support import processes
from support.daemon import run
from support.kinds import BOTH
from support.namespaces import unshare
from support.wait import wait_until

ROOT = os.geteuid() == 0
NOTHING = "0" * 16


def built(program, symbol):
    """Whether the program has that symbol of a sanitizer."""
    with open(program, "rb") as f:
        return symbol in f.read()


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def usual_user():
    """Whom root's children become if no setting says."""
    for name in ("stratslab", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    return None


def ids(told, name):
    return set(map(int, told[name].split()))


def children(d, count):
    return wait_until(lambda: len(processes.children(d.pid)) == count and processes.children(d.pid), 20, f"{count} children")


def judge(pid, program, user):
    """What a child of the daemon must be."""
    told = status(pid)
    assert told["NoNewPrivs"] == "1", told
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb", *(["CapBnd"] if ROOT else [])):
        assert told[name].strip() == NOTHING, (name, told)
    if user is not None:
        assert ids(told, "Uid") == {user.pw_uid} and ids(told, "Gid") == {user.pw_gid}, told
        assert 0 not in ids(told, "Groups"), told
    if not built(program, b"__asan_init"):
        assert told["Seccomp"] == "2", told
    return told


@BOTH
def test_every_child_is_behind_the_wall(start_daemon, database, program):
    d = start_daemon(DATABASE_URL=database.url, workers=2)
    user = usual_user() if ROOT else None
    for pid in children(d, 3):
        told = judge(pid, program, user)
        assert ROOT or ids(told, "Uid") == {os.geteuid()}
    assert ids(status(d.pid), "Uid") == {os.geteuid()}  # the master binds, opens logs, becomes the next executable
    if ROOT:
        assert f'msg="only the master stays root" user={user.pw_name} uid={user.pw_uid}' in d.log()
    print(f"\na child of {d.name}: " + ", ".join(f"{name} {told[name].split()[0]}" for name in ("Uid", "CapEff", "NoNewPrivs", "Seccomp")))


@BOTH
def test_those_that_a_reload_and_a_crash_bring_too(start_daemon, database, program):
    d = start_daemon(DATABASE_URL=database.url, workers=1)
    before = children(d, 2)
    done = run(program, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    assert done.returncode == 0, done.stdout + done.stderr
    after = wait_until(lambda: not set(before) & set(processes.children(d.pid)) and children(d, 2), 30, "the new children alone")
    for pid in after:
        judge(pid, program, usual_user() if ROOT else None)
    os.kill(after[0], signal.SIGABRT)
    wait_until(lambda: after[0] not in processes.children(d.pid) and len(processes.children(d.pid)) == 2, 30, "another child")
    for pid in children(d, 2):
        judge(pid, program, usual_user() if ROOT else None)
    d.wait_log(r"a child crashed; its backtrace:")  # it is written from behind the wall


@BOTH
def test_the_log_file_is_reopened_by_who_may_not_open_it(start_daemon, database, tmp_path):
    """The folder is the starter's alone, and behind the wall nobody opens anything for writing."""
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    log = folder / "its.log"
    d = start_daemon(DATABASE_URL=database.url, workers=1, log_file=log, log_level="debug", environment="production", auth="off")
    before = children(d, 2)
    os.rename(log, folder / "old.log")
    d.signal(signal.SIGUSR1)
    wait_until(lambda: log.exists() and "log file reopened" in log.read_text(encoding="utf-8"), 20, "the new file")
    d.signal(signal.SIGTERM)
    assert d.wait() == 0
    told = log.read_text(encoding="utf-8")
    for pid in before:  # each says something at its end
        assert f"pid={pid} " in told, (pid, told)
    assert stat.S_IMODE(log.stat().st_mode) == 0o640
    assert d.log() == ""


@BOTH
def test_the_sandbox_can_be_switched_off(start_daemon, database, program):
    d = start_daemon(DATABASE_URL=database.url, workers=1, sandbox="off")
    assert d.log().count("the sandbox is off: STRATSLAB_SANDBOX says so") == 1
    for pid in children(d, 2):
        told = status(pid)
        assert told["NoNewPrivs"] == "1" and told["CapEff"].strip() == NOTHING
        assert told["Seccomp"] == status(d.pid)["Seccomp"], program


@BOTH
@pytest.mark.parametrize("environment", ["production", "development"])
def test_no_other_process_of_the_user_looks_into_it(start_daemon, database, environment):
    """In development a debugger may. What is dumpable shows in who owns its files in /proc (proc(5))."""
    d = start_daemon(DATABASE_URL=database.url, workers=1, environment=environment, auth="off")
    for pid in [d.pid, *children(d, 2)]:  # all of them know the database's password
        owner = os.stat(f"/proc/{pid}/environ").st_uid
        assert owner == (0 if ROOT or environment == "production" else os.geteuid())


# ---- as root ----

needs_root = pytest.mark.skipif(not ROOT, reason="only root becomes another user")


@needs_root
@BOTH
def test_root_must_be_written(start_daemon, database):
    d = start_daemon(DATABASE_URL=database.url, workers=1, user="root")
    assert d.log().count("every process stays root, because STRATSLAB_USER says so") == 1
    for pid in children(d, 2):
        told = status(pid)
        assert ids(told, "Uid") == {0} and told["CapEff"].strip() == NOTHING


@needs_root
@BOTH
def test_a_user_by_number(start_daemon, database, program):
    d = start_daemon(DATABASE_URL=database.url, workers=1, user="54321")
    for pid in children(d, 2):
        told = judge(pid, program, None)
        assert ids(told, "Uid") == {54321} and ids(told, "Groups") == {54321}


@needs_root
@BOTH
def test_a_user_that_is_not_there(start_daemon, database, program):
    d = start_daemon(DATABASE_URL=database.url, wait=False, expect_exit=78, user="nobody-has-this-name")
    assert d.wait() == 78
    assert 'STRATSLAB_USER: there is no user "nobody-has-this-name" on this machine' in d.log()
    done = run(program, "check", DATABASE_URL=database.url, user="nobody-has-this-name", migrations_dir=os.path.realpath(daemons.MIGRATIONS))
    assert done.returncode == 78 and "user: failed: STRATSLAB_USER: there is no user" in done.stdout + done.stderr


@needs_root
@BOTH
@pytest.mark.parametrize("how", ["url", "environment"])
def test_a_password_file_that_the_user_cannot_read(start_daemon, database, program, tmp_path, how):
    """libpq would go on without it, and the server would refuse the password."""
    passwords = tmp_path / "passwords"
    passwords.write_text(f"*:*:*:*:{database.password}\n", encoding="utf-8")
    passwords.chmod(0o600)
    query = "&" if "?" in database.url else "?"
    settings = {"DATABASE_URL": f"{database.url}{query}passfile={passwords}"} if how == "url" else {"DATABASE_URL": database.url, "PGPASSFILE": str(passwords)}
    user = usual_user()
    d = start_daemon(wait=False, expect_exit=78, **settings)
    assert d.wait() == 78
    assert f"the user {user.pw_name} cannot read {passwords}" in d.log() and f"chown {user.pw_name} {passwords}" in d.log()
    done = run(program, "check", migrations_dir=os.path.realpath(daemons.MIGRATIONS), **settings)
    assert done.returncode == 78 and "user: failed" in done.stdout + done.stderr


@needs_root
@BOTH
def test_a_service_file_that_the_user_cannot_read(start_daemon, database, program, tmp_path):
    """What was connected as root, and what connects as the user, would read different things."""
    services = tmp_path / "services"
    words = {"host": "127.0.0.1", "dbname": "nowhere"}
    services.write_text("[lab]\n" + "".join(f"{name}={value}\n" for name, value in words.items()), encoding="utf-8")
    services.chmod(0o600)
    settings = {"DATABASE_URL": "postgresql:///?service=lab", "PGSERVICEFILE": str(services)}
    d = start_daemon(wait=False, expect_exit=78, **settings)
    assert d.wait() == 78
    assert f"the user {usual_user().pw_name} cannot read {services}" in d.log()
    done = run(program, "check", migrations_dir=os.path.realpath(daemons.MIGRATIONS), **settings)
    assert done.returncode == 78 and "user: failed" in done.stdout + done.stderr


@needs_root
@BOTH
@pytest.mark.parametrize("password", [True, False], ids=["given", "in the home"])
def test_roots_own_files_are_told_of_if_they_are_needed(start_daemon, database, tmp_path, password):
    """The log's warnings wake somebody: root's password file is nobody's business if the settings have the password."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text("*:*:*:*:of-another-database\n", encoding="utf-8")
    (home / ".pgpass").chmod(0o600)
    url = database.url if password else re.sub(r":[^:@/]*@", "@", database.url, count=1)
    d = start_daemon(wait=False, expect_exit=None, DATABASE_URL=url, HOME=str(home), workers=1)
    d.wait_log("only the master stays root")
    d.wait_log("msg=sized")
    assert ("a file in root's home is not read" in d.log()) == (not password)


@needs_root
@BOTH
def test_check_connects_as_the_service_would(database, program, stratslabd, tmp_path):
    """What only root's home has, the service's processes do not have: check would promise a start that fails."""
    daemons.migrate(stratslabd, database.url)
    with database.connect() as db:
        db.execute(f"GRANT pw_users TO {database.role}")  # whose password the server asks for
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text(f"*:*:*:*:{database.password}\n", encoding="utf-8")
    (home / ".pgpass").chmod(0o600)
    bare = re.sub(r":[^:@/]*@", "@", database.url, count=1)
    settings = {"HOME": str(home), "migrations_dir": os.path.realpath(daemons.MIGRATIONS), "auth": "off"}
    as_root = run(program, "check", DATABASE_URL=bare, user="root", **settings)
    assert as_root.returncode == 0, as_root.stdout + as_root.stderr
    done = run(program, "check", DATABASE_URL=bare, **settings)
    assert done.returncode == 69 and "no password supplied" in done.stdout + done.stderr, done.stdout + done.stderr


def without(capabilities, program):
    """The program as root that lacks some capabilities."""
    if subprocess.run(["setpriv", f"--bounding-set={capabilities}", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("setpriv cannot take capabilities away here")
    return f"setpriv --bounding-set={capabilities} --inh-caps=-all {program}"


@needs_root
@BOTH
def test_root_that_may_not_become_anybody(start_daemon, database, program):
    """As in a container that has every capability dropped, and no user set."""
    bare = without("-setuid,-setgid", program)
    d = start_daemon(DATABASE_URL=database.url, wait=False, expect_exit=78, program=bare)
    assert d.wait() == 78
    assert re.search(r"its processes cannot become the user \S+ \(STRATSLAB_USER\): Operation not permitted. Start it as an ordinary user", d.log())
    d = start_daemon(DATABASE_URL=database.url, workers=1, program=bare, user="root")
    children(d, 2)


@needs_root
@BOTH
def test_root_that_may_not_signal_others(start_daemon, database, program):
    """As in a container that has every capability dropped but SETUID and SETGID: the master could neither stop nor replace what it starts."""
    bare = without("-kill", program)
    d = start_daemon(DATABASE_URL=database.url, wait=False, expect_exit=78, program=bare)
    assert d.wait() == 78
    assert re.search(r"the master could not signal its processes once they are the user \S+ \(STRATSLAB_USER\): Operation not permitted", d.log())
    assert "SETUID, SETGID and KILL" in d.log()
    d = start_daemon(DATABASE_URL=database.url, workers=1, program=bare, user="root")
    children(d, 2)


@BOTH
def test_in_a_namespace_where_root_is_an_ordinary_user(start_daemon, database, program):
    """As in a container of an ordinary user that has one user only."""
    user = pwd.getpwnam("nobody")
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if ROOT else []
    command = [*prefix, "unshare", "--user", "--map-root-user"] if ROOT else unshare("--user")
    if subprocess.run([*command, program, "--version"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{' '.join(command)} is not possible here, or that user cannot run {program}")
    d = start_daemon(DATABASE_URL=database.url, workers=1, program=" ".join([*command, program]))
    assert "root is an ordinary user here" in d.log()
    for pid in children(d, 2):
        told = status(pid)
        assert told["NoNewPrivs"] == "1" and told["CapEff"].strip() == NOTHING
