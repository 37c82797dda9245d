"""Hot reload in the development container: a save is built and served, and what does not work changes nothing."""
import os
import re
import subprocess

import pytest
from support.stack import inspect, wait_until

BUILT = re.compile(r"built (\d+\.\d+) s, serving after (\d+\.\d+) s")


def message(stack):
    return stack.get("/nonesuch").json()["detail"]


def place_of(stack, text):
    """The source file that holds a string of an answer."""
    for folder, _, names in os.walk(os.path.join(stack.folder, "src")):
        for name in names:
            with open(os.path.join(folder, name)) as f:
                if name.endswith(".c") and text in f.read():
                    return os.path.relpath(os.path.join(folder, name), stack.folder)
    raise AssertionError(f"no source file holds {text!r}")


@pytest.fixture
def edit(shared):
    """edit(new): one string in a C file becomes another; undone at the end of the test."""
    place, old = place_of(shared, "There is nothing at %s."), "There is nothing at %s."
    wrote = [old]

    def change(new):
        shared.edit(place, wrote[-1], new)
        wrote.append(new)

    yield change
    if wrote[-1] != old:
        seen = len(BUILT.findall(shared.logs()))
        shared.edit(place, wrote[-1], old)
        # Not by an answer: while workers are replaced one by one, another may still give the old one.
        wait_until(lambda: len(BUILT.findall(shared.logs())) > seen, 180, "the source to be as it was")


def test_an_edited_string_is_served(shared, edit, capsys):
    api = shared.container()
    started = inspect(api, "{{.State.StartedAt}} {{.State.Pid}}")
    seen = len(BUILT.findall(shared.logs()))
    assert message(shared) == "There is nothing at /nonesuch."
    edit("Nothing, nowhere: %s.")
    wait_until(lambda: message(shared) == "Nothing, nowhere: /nonesuch.", 180, "the edited string to be served")
    wait_until(lambda: len(BUILT.findall(shared.logs())) > seen, 10, "the time to be logged")
    built, served = BUILT.findall(shared.logs())[-1]
    with capsys.disabled():
        print(f"\nhot reload: built {built} s, serving after {served} s")
    # Without a restart: the container and its first process are the same.
    assert inspect(api, "{{.State.StartedAt}} {{.State.Pid}}") == started


def test_a_compile_error_is_shown_and_the_old_code_serves_on(shared, edit):
    before = message(shared)
    edit('There is nothing at %s." syntax error here "')
    wait_until(lambda: "the build failed" in shared.logs(), 180, "the failure to be logged")
    error = re.compile(r"dev:     src/http/\w+\.c:\d+:\d+: error:")  # without the container's own folders
    wait_until(lambda: error.search(shared.logs()), 20, "the compiler's words, last")
    assert message(shared) == before
    assert shared.get("/health").status == 200
    # Access lines push it out of sight: it is said again after them, and when asked.
    def is_told_again():
        shared.get("/nonesuch")
        last = [line for line in shared.logs().splitlines() if line.startswith("dev: still:")]
        return last and ": error:" in last[-1]

    wait_until(is_told_again, 120, "the failure to be said again")
    for verb, status in (("health", 0), ("doctor", 1)):
        done = subprocess.run([os.path.join(shared.folder, "scripts", "docker.sh"), verb], env=shared.env(COMPOSE=shared.compose),
                              capture_output=True, text=True, timeout=120)
        assert done.returncode == status and re.search(r"src/http/\w+\.c:\d+:\d+: error:", done.stdout), (verb, done.stdout, done.stderr)
        assert "the build failed at" in done.stdout and "the old code serves on" in done.stdout
    edit("Mended: %s.")
    wait_until(lambda: message(shared) == "Mended: /nonesuch.", 180, "the mended code to be served")
    done = subprocess.run([os.path.join(shared.folder, "scripts", "docker.sh"), "health"], env=shared.env(COMPOSE=shared.compose),
                          capture_output=True, text=True, timeout=120)
    assert "failed" not in done.stdout


def test_code_that_does_not_start_leaves_the_old_code_serving(shared):
    before = message(shared)
    shared.edit("src/stratslabd/main.c", "int main(int argc, char **argv)\n{", "int main(int argc, char **argv)\n{\n    abort();")
    shared.edit("src/stratslabd/main.c", "#include", "#include <stdlib.h>\n#include")
    wait_until(lambda: "the new code was not taken over" in shared.logs(), 180, "the refusal to be logged")
    assert message(shared) == before and shared.get("/health").status == 200, shared.logs()
    seen = len(BUILT.findall(shared.logs()))
    shared.edit("src/stratslabd/main.c", "\n    abort();", "")
    wait_until(lambda: len(BUILT.findall(shared.logs())) > seen, 180, "the mended code to be served")


def test_a_migration_is_applied(shared):
    path = os.path.join(shared.folder, "sql/migrations/20991231235959_hot.sql")
    with open(path, "w") as f:
        f.write("-- migrate:up\nCREATE TABLE hot (n integer);\n-- migrate:down\nDROP TABLE hot;\n")
    wait_until(lambda: shared.exec("stratslabd", "migrate", "current", check=False).stdout.strip() == "20991231235959", 60,
               "the new migration to be applied")
    assert shared.sql("SELECT count(*) FROM hot") == "0"
    shared.wait_status(200)
    # A broken one changes nothing.
    broken = os.path.join(shared.folder, "sql/migrations/21000101000000_broken.sql")
    failures = shared.logs().count("the new code was not taken over")
    with open(broken, "w") as f:
        f.write("-- migrate:up\nCREATE TABLE hotter (n integer);\nSELEKT;\n-- migrate:down\nDROP TABLE hotter;\n")
    wait_until(lambda: shared.logs().count("the new code was not taken over") > failures, 180, "the refusal to be logged")
    assert shared.sql("SELECT to_regclass('hotter') IS NULL") == "t"
    assert shared.get("/health").status == 200
    os.unlink(broken)
    shared.exec("stratslabd", "migrate", "down", "--steps", "1", "--yes", check=False)
    os.unlink(path)
    shared.wait_status(200)


def test_nothing_of_the_container_is_on_the_host(shared):
    """The source is mounted read-only: no file of root or of the container's user appears in it."""
    known = {"docker", "src", "sql", "tests"}
    assert known <= set(os.listdir(shared.folder))
    for name in ("configure", "Makefile.in", "autom4te.cache", "build", "config.log"):
        assert not os.path.exists(os.path.join(shared.folder, name))
    mine = os.stat(shared.folder).st_uid
    for folder, folders, names in os.walk(shared.folder):
        for name in folders + names:
            assert os.lstat(os.path.join(folder, name)).st_uid == mine, name


def test_polling_where_no_events_arrive(one_stack):
    """A shared folder of a virtual machine tells of no change: a silent inotifywait stands in for it."""
    silent = os.path.join(one_stack.folder, "silent")
    with open(silent, "w") as f:
        f.write("#!/bin/sh\nexec sleep 100000\n")
    os.chmod(silent, 0o755)
    override = os.path.join(one_stack.folder, "silent.yml")
    with open(override, "w") as f:
        f.write("services:\n  api:\n    volumes:\n      - ./silent:/usr/bin/inotifywait:ro\n")
    one_stack.start(COMPOSE_FILE="docker-compose.yml:silent.yml")
    texts = ["There is nothing at %s.", "One: %s.", "Two: %s.", "Three: %s."]
    place = place_of(one_stack, texts[0])
    for old, new in zip(texts, texts[1:]):
        one_stack.edit(place, old, new)
        wait_until(lambda n=new: message(one_stack) == n.replace("%s", "/nonesuch"), 60, f"{new} to be served")
    assert "no events arrive for changes in /src: looking for changes" in one_stack.logs()


def test_a_source_that_does_not_build_at_the_first_start(one_stack):
    """No program yet, and none can be built: the container waits for a save that builds."""
    with open(os.path.join(one_stack.folder, "src/stratslabd/main.c"), "a") as f:
        f.write("\nthis is no C\n")
    one_stack.up()
    wait_until(lambda: "the build failed" in one_stack.logs(), 180, "the failure to be logged")
    assert re.search(r"src/stratslabd/main\.c:\d+:\d+: error:", one_stack.logs())
    one_stack.edit("src/stratslabd/main.c", "\nthis is no C\n", "\n")
    one_stack.wait_healthy()
