"""docs/logrotate.conf as it stands, but for the file's folder and how the signal is sent."""
import os
import shutil
import subprocess

from support import logs
from support.wait import wait_until

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PROGRAM = shutil.which("logrotate", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))
FOLDER, KILL = "/var/log/stratslab/", "systemctl kill --kill-who=main --signal=USR1 stratslabd.service"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_rotation(daemon, tmp_path):
    assert PROGRAM, "logrotate is missing: scripts/dev.sh deps"
    folder = tmp_path / "log"
    folder.mkdir(mode=0o750)
    path = folder / "stratslabd.log"
    d = daemon(workers=1, log_file=str(path))
    text = read(os.path.join(TOP, "docs", "logrotate.conf"))
    assert text.count(KILL) == 1
    conf = tmp_path / "logrotate.conf"
    conf.write_text(text.replace(FOLDER, f"{folder}/").replace(KILL, f"kill -USR1 {d.pid}"))
    conf.chmod(0o644)
    for turn in range(3):
        assert d.request("GET", "/health/live", headers={"X-Request-ID": f"turn-{turn}"}).status == 200
        done = subprocess.run([PROGRAM, "--force", "--state", str(tmp_path / "state"), str(conf)], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: path.exists() and "log file reopened" in read(path), 10, "the new file")
    assert d.stop() == 0
    assert sorted(os.listdir(folder)) == ["stratslabd.log", "stratslabd.log.1", "stratslabd.log.2.gz", "stratslabd.log.3.gz"]
    whole = "".join(subprocess.run(["gzip", "-dc", str(folder / name)], capture_output=True, text=True, timeout=60,
                                   check=True).stdout for name in ("stratslabd.log.3.gz", "stratslabd.log.2.gz"))
    entries = logs.read(whole + read(folder / "stratslabd.log.1") + read(path))
    assert [e["request_id"] for e in entries if e.get("request_id", "").startswith("turn")] == ["turn-0", "turn-1", "turn-2"]
