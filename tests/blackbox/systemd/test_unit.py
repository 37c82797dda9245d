"""The units as systemd's own tools judge them, installed as `make install` would leave them."""
import os
import re
import shutil
import subprocess

import pytest

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
EXPOSURE_MAX = 2.0

PROGRAMS = ("stratslabd", "backtestd")

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here (Debian: apt install systemd)")


@pytest.fixture
def units(stratslabd, backtestd, tmp_path):
    """The folder of the units, with programs that are there."""
    (tmp_path / "bin").mkdir()
    with open(os.path.join(TOP, "etc", "service.in"), encoding="utf-8") as f:
        template = f.read()
    for program, path in zip(PROGRAMS, (stratslabd, backtestd)):
        (tmp_path / "bin" / program).symlink_to(path)
        values = {"bindir": str(tmp_path / "bin"), "program": program, "user": program, "description": program}
        text = re.sub(rf"^@{program}@", "", template, flags=re.MULTILINE)
        text = re.sub(rf"^@({'|'.join(PROGRAMS)})@.*\n", "", text, flags=re.MULTILINE)
        (tmp_path / f"{program}.service").write_text(re.sub(r"@(\w+)@", lambda m, v=values: v[m.group(1)], text))
    shutil.copy(os.path.join(TOP, "etc", "stratslabd.socket"), tmp_path)
    return tmp_path


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"})


def test_verify(units):
    done = analyze("verify", "--man=no", *(str(units / f"{program}.service") for program in PROGRAMS), str(units / "stratslabd.socket"))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if any(program in line for program in PROGRAMS)]
    assert not ours
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_exposure(units, program):
    done = analyze("security", "--offline=yes", "--no-pager", str(units / f"{program}.service"))
    found = re.search(rf"Overall exposure level for {program}\.service: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found.group(1)) <= EXPOSURE_MAX, done.stdout


def test_the_unit_and_the_program_agree(units):
    """Statuses that forbid a second start are those that the manual gives no hope for; the socket has the default address."""
    text = (units / "stratslabd.service").read_text()
    assert re.search(r"^RestartPreventExitStatus=64 65 78$", text, re.MULTILINE)
    with open(os.path.join(TOP, "etc", "stratslabd.conf.sample"), encoding="utf-8") as f:
        default = re.search(r"^#STRATSLAB_LISTEN=(.*)$", f.read(), re.MULTILINE).group(1)
    assert f"ListenStream={default}\n" in (units / "stratslabd.socket").read_text()
