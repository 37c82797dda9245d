"""The libraries' versions that are supported: configure.ac has them, and whoever else names them says the same."""
import os
import re
import subprocess

import pytest

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


# Module: (oldest, newest, Debian's package).
LIBRARIES = {m[0]: m[1:] for m in re.findall(r"^STRATSLAB_LIBRARY\(\[\w+\], \[([\w-]+)\], \[([\d.]+)\], \[([\d.]+)\], \[([\w-]+)\]\)$",
                                             read("configure.ac"), re.MULTILINE)}


def parts(version):
    return [int(part) for part in re.match(r"[\d.]*\d", version).group().split(".")]


def test_the_readme_and_the_debian_package_say_the_same():
    assert len(LIBRARIES) == 6
    readme = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) \| ([\d.]+) \|", read("README.md"), re.MULTILINE)
    assert readme == [(module, oldest, newest) for module, (oldest, newest, _) in LIBRARIES.items()]
    control = read("debian", "control")
    for oldest, _, package in LIBRARIES.values():
        found = re.search(rf"^ {re.escape(package)} \(>= (?:\d+:)?([\d.]+)\),$", control, re.MULTILINE)
        assert found and found.group(1) == oldest, f"debian/control does not say {package} (>= {oldest})"


def os_release():
    try:
        with open("/etc/os-release", encoding="utf-8") as f:
            return dict(re.findall(r'^(\w+)="?(.*?)"?$', f.read(), re.MULTILINE))
    except OSError:
        return {}


@pytest.mark.parametrize("module", LIBRARIES)
def test_debian_12_has_the_oldest_and_13_the_newest(module):
    """So that the suites, run on both, have tried both ends. Any other system is as good as its versions."""
    oldest, newest, package = LIBRARIES[module]
    here = subprocess.run(["pkg-config", "--modversion", module], capture_output=True, text=True, check=True).stdout.strip()
    assert parts(here) >= parts(oldest)
    release = os_release()
    dpkg = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False).stdout \
        if release.get("ID") == "debian" else ""
    expected = {"12": oldest, "13": newest}.get(release.get("VERSION_ID"))
    if expected and dpkg and "pgdg" not in dpkg:  # not of PostgreSQL's own repository, which has newer ones
        assert parts(here)[:len(parts(expected))] == parts(expected)


@pytest.mark.parametrize(("version", "said"), [
    ("0.15", "json-c is too old: version 0.15 is installed, and the oldest that works is 0.16, as Debian 12 has it (package: libjson-c-dev)."),
    (None, "json-c was not found. Debian and Ubuntu: apt install libjson-c-dev."),
], ids=["too old", "missing"])
def test_configure_names_what_is_too_old_or_missing(tmp_path, version, said):
    configure = os.path.join(TOP, "configure")
    assert os.path.exists(configure), "there is no configure here: autoreconf -i"
    for module in [name for name in LIBRARIES if name != "json-c"] + ["json-c"] * (version is not None):
        (tmp_path / f"{module}.pc").write_text(f"Name: {module}\nDescription: of the test\nVersion: {version if module == 'json-c' else 99}\n"
                                               "Libs:\nCflags:\n")
    env = {**os.environ, "PKG_CONFIG_LIBDIR": str(tmp_path)}
    env.pop("PKG_CONFIG_PATH", None)
    done = subprocess.run([configure, "--quiet"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert said in done.stderr.replace("\n", " ")
