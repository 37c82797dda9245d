"""Fixtures of the container tests. tests/docker/run provides the engine, the base images and both Compose flavours."""
import contextlib
import os
import shutil
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

from runner.checkout import copy_checkout  # noqa: E402 (the path comes first)
from support import stack as stacks  # noqa: E402


def flavours():
    """The two that must both work; each with the reason why it cannot be tested, where that is so."""
    def version(*command):
        with contextlib.suppress(OSError):
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
            return done.stdout.strip().removeprefix("v") if done.returncode == 0 else ""
        return ""

    one, two = version("docker-compose"), version("docker", "compose")
    lacks_one = "" if one.startswith("1.29") else f"no docker-compose 1.29 here ({one or 'none'})"
    lacks_two = "" if two else "no docker compose plugin here"
    return [pytest.param("docker-compose", id="compose-1.29", marks=pytest.mark.skipif(bool(lacks_one), reason=lacks_one)),
            pytest.param("docker compose", id="compose-2", marks=pytest.mark.skipif(bool(lacks_two), reason=lacks_two))]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory):
    """A copy that the tests build from and do not change."""
    return copy_checkout(str(tmp_path_factory.mktemp("checkout")))


@pytest.fixture(scope="session")
def images(checkout):
    """stratslab-api:test, and stratslab-api:dev, which the compose file names. With STRATSLAB_TEST_IMAGES=kept, as the last run left
    them."""
    names = {"runtime": "stratslab-api:test", "dev": "stratslab-api:dev"}
    if os.environ.get("STRATSLAB_TEST_IMAGES") == "kept":
        return names
    env = stacks.environment(DOCKER_BUILDKIT=0)
    stacks.docker("build", "-t", "stratslab-api:test", ".", cwd=checkout, env=env, timeout=900)
    stacks.docker("build", "--target", "dev", "-t", "stratslab-api:dev", ".", cwd=checkout, env=env, timeout=900)
    return names


@pytest.fixture(params=flavours(), scope="session")
def compose(request):
    """Both Compose flavours: for tests of what Compose does."""
    return request.param


@pytest.fixture(scope="session")
def any_compose():
    """One of them, for tests of what the containers do."""
    for flavour in flavours():
        if not flavour.marks[0].args[0]:
            return flavour.values[0]
    pytest.skip("no Compose here")


@contextlib.contextmanager
def a_stack(compose, folder, **settings):
    one = stacks.Stack(compose, copy_checkout(str(folder)), **settings)
    try:
        yield one
    finally:
        one.down("-v")


@pytest.fixture
def stack(compose, images, tmp_path):
    """One for the test, not started, with both Compose flavours in turn."""
    with a_stack(compose, tmp_path) as one:
        yield one


@pytest.fixture
def one_stack(any_compose, images, tmp_path):
    """One for the test, not started."""
    with a_stack(any_compose, tmp_path) as one:
        yield one


@pytest.fixture(scope="module")
def shared(any_compose, images, tmp_path_factory):
    """One for all tests of a module, started; each leaves it healthy."""
    folder = tmp_path_factory.mktemp("shared")
    with a_stack(any_compose, folder) as one:
        yield one.start()
    shutil.rmtree(folder, ignore_errors=True)
