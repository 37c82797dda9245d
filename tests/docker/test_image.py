"""The images: how they build, what is in them, and what is not."""
import json
import os
import re
import shutil
import subprocess
import tarfile

import pytest
from runner.checkout import copy_checkout
from support.stack import docker, environment, inspect

RUNTIME_BYTES_MAX = 20_000_000
APPUSER = "10001:10001"


def cli_with_buildkit():
    """A docker command that can do BuildKit: newer ones need buildx for it, older ones have it built in."""
    for docker_path in filter(None, {shutil.which("docker"), shutil.which("docker", path="/usr/bin")}):
        version = subprocess.run([docker_path, "version", "--format", "{{.Client.Version}}"], capture_output=True, text=True).stdout
        buildx = subprocess.run([docker_path, "buildx", "version"], capture_output=True).returncode == 0
        if buildx or int(version.split(".")[0] or 0) < 23:
            return docker_path
    return None


@pytest.fixture(scope="module")
def files(images, tmp_path_factory):
    """The tar headers of the runtime image's file system."""
    container = docker("create", images["runtime"]).stdout.strip()
    tar = str(tmp_path_factory.mktemp("image") / "runtime.tar")
    docker("export", "-o", tar, container)
    docker("rm", container)
    with tarfile.open(tar) as archive:
        return {member.name: member for member in archive.getmembers()}


def test_builds_with_buildkit(checkout, images):
    command = cli_with_buildkit()
    if command is None:
        pytest.skip("no docker command here can do BuildKit")
    for target in ("dev", "runtime"):
        done = subprocess.run([command, "build", "--target", target, "-t", f"stratslab-api:buildkit-{target}", "."], cwd=checkout,
                              env=environment(DOCKER_BUILDKIT=1), capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
    assert docker("run", "--rm", "stratslab-api:buildkit-runtime", "--version").stdout.startswith("stratslabd ")


def test_runtime_is_small(images, capsys):
    size = int(inspect(images["runtime"], "{{.Size}}"))
    with capsys.disabled():
        print(f"\nruntime image: {size / 1e6:.1f} MB (limit {RUNTIME_BYTES_MAX / 1e6:.0f} MB)")
    assert size <= RUNTIME_BYTES_MAX


def test_context_is_small(checkout, tmp_path, capsys):
    """What the builder is sent, counted in an image that is only the context: no more than the files of the repository."""
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    # Beside what belongs in it: what does not.
    copy = copy_checkout(str(tmp_path / "checkout"))
    most = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(copy) for name in names
               if not os.path.islink(os.path.join(folder, name)))
    for name in (".env", "build/big.o", ".git/objects/pack", "src/base/left.o", "secrets/password", "notes.txt"):
        os.makedirs(os.path.dirname(os.path.join(copy, name)), exist_ok=True)
        with open(os.path.join(copy, name), "w") as f:
            f.write("x" * 10_000_000)
    docker("build", "-t", "stratslab-context:test", "-f", str(dockerfile), ".", cwd=copy, env=environment(DOCKER_BUILDKIT=0))
    size = int(inspect("stratslab-context:test", "{{.Size}}"))
    docker("image", "rm", "stratslab-context:test")
    with capsys.disabled():
        print(f"\nbuild context: {size / 1e6:.2f} MB (the checkout: {most / 1e6:.2f} MB)")
    assert 100_000 < size <= most * 1.02  # the engine counts links too


def test_a_new_volume_is_not_filled_by_the_engine(images):
    """Containers that are created at once would get into each other's way: docker/dev/seed fills it, behind a lock."""
    done = docker("run", "--rm", "--network", "none", "--entrypoint", "ls", images["dev"], "-A", "/cache")
    assert done.stdout == ""


def test_image_says_what_it_is(images):
    config = json.loads(inspect(images["runtime"], "{{json .Config}}"))
    assert config["User"] == APPUSER
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "stratslabd", "health"]
    assert "8000/tcp" in config["ExposedPorts"]
    for label in ("title", "description", "licenses", "version", "revision", "created", "base.name"):
        assert config["Labels"].get(f"org.opencontainers.image.{label}"), label
    assert not [e for e in config["Env"] if "PASSWORD" in e]


def test_user_is_not_root(images):
    assert inspect(images["dev"], "{{.Config.User}}") == APPUSER
    shown = docker("run", "--rm", "--entrypoint", "id", images["dev"]).stdout
    assert "uid=10001(appuser) gid=10001(appuser)" in shown


def test_runtime_holds_no_shell_and_no_package_manager(files, images):
    names = {os.path.basename(name) for name, member in files.items() if member.isfile() or member.issym()}
    unwanted = {"sh", "bash", "dash", "busybox", "apt", "apt-get", "dpkg", "perl", "python3", "gcc", "make", "curl", "ldd"}
    assert not names & unwanted
    programs = [name for name, m in files.items() if name.startswith("usr/") and m.isfile() and m.mode & 0o111 and not re.search(r"\.so(\.|$)", name)]
    assert sorted(programs) == ["usr/bin/backtestd", "usr/bin/stratslabd"]
    refused = docker("run", "--rm", "--entrypoint", "/bin/sh", images["runtime"], "-c", "true", check=False)
    assert refused.returncode == 127


def test_runtime_holds_what_it_needs(files, images):
    assert docker("run", "--rm", "--network=none", "--entrypoint", "backtestd", images["runtime"], "functions", "sma").returncode == 0
    assert "etc/ssl/certs/ca-certificates.crt" in files
    assert any(re.match(r"usr/share/stratslabd/migrations/\d{14}_\w+\.sql$", name) for name in files)
    packages = {os.path.basename(name) for name in files if name.startswith("var/lib/dpkg/status.d/")}
    assert {"libc6", "libpq5", "libllhttp9.2"} <= packages or {"libc6", "libpq5"} <= packages
    for package in packages - {"status.d", ""}:
        assert f"usr/share/doc/{package}/copyright" in files


def test_nothing_is_writable_or_privileged(files):
    for name, member in files.items():
        assert not member.mode & 0o6000, f"{name} is setuid or setgid"
        if name.rstrip("/") == "var/cache/backtestd":
            assert (member.uid, member.gid) == (10001, 10001), "a new volume takes its owner from this folder"
            continue
        if not member.issym() and name.rstrip("/") != "tmp" and not name.startswith(("dev/", "proc", "sys")):
            assert not member.mode & 0o002, f"{name} is writable by all"
            assert member.uid == 0 or not member.mode & 0o200 or name.startswith("dev"), f"{name} belongs to {member.uid}"


def test_an_edit_rebuilds_no_dependency_layer(images, tmp_path):
    copy = copy_checkout(str(tmp_path))
    with open(os.path.join(copy, "src/stratslabd/main.c"), "a") as f:
        f.write("\n/* an edit */\n")
    done = docker("build", "-t", "stratslab-api:edited", ".", cwd=copy, env=environment(DOCKER_BUILDKIT=0), timeout=600)
    docker("image", "rm", "stratslab-api:edited")
    steps = re.split(r"^Step \d+/\d+ : ", done.stdout, flags=re.MULTILINE)[1:]
    installs = [step for step in steps if step.startswith("RUN") and "apt-get install" in step]
    builds = [step for step in steps if step.startswith("RUN sh /src/docker/dev/build")]
    assert len(installs) == 3 and all("Using cache" in step for step in installs)
    brought = [step for step in steps if step.startswith("RUN") and ("npm ci" in step or "web-files" in step)]
    assert len(brought) == 2 and all("Using cache" in step for step in brought)
    assert len(builds) == 1 and "Using cache" not in builds[0]


def test_base_image_can_be_pinned(checkout):
    docker("tag", "debian:trixie-slim", "stratslab-pinned:test")
    try:
        done = docker("build", "--build-arg", "DEBIAN_IMAGE=stratslab-pinned:test", "--target", "toolchain", ".", cwd=checkout,
                      env=environment(DOCKER_BUILDKIT=0), timeout=900)
        # The same image by another name: so that its layers are taken from the cache.
        assert "FROM ${DEBIAN_IMAGE} AS toolchain" in done.stdout and "Using cache" in done.stdout
    finally:
        docker("image", "rm", "stratslab-pinned:test")
    refused = docker("build", "--build-arg", "DEBIAN_IMAGE=stratslab-no-such-image:test", ".", cwd=checkout,
                     env=environment(DOCKER_BUILDKIT=0), check=False)
    assert refused.returncode != 0
