"""docs/alerts.yml is taken by Prometheus, and speaks of metrics and settings that there are."""
import os
import re
import shutil
import subprocess

from support import docs_ui
from support.kinds import BOTH

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
RULES = os.path.join(TOP, "docs", "alerts.yml")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def test_rules_are_taken():
    if not shutil.which("promtool"):
        docs_ui.cannot_run("not installed: promtool")
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr


@BOTH
def test_metrics_exist(daemon, kind):
    there = set(re.findall(r"^# TYPE (\S+) ", daemon(workers=1).admin("GET", "/metrics").text, re.MULTILINE))
    used = set(re.findall(rf"\b{kind.name}_\w+", re.sub(r"summary:.*", "", read("docs/alerts.yml"))))
    assert used and {re.sub("_bucket$", "", name) for name in used} <= there


def test_every_alert_has_its_advice():
    alerts = re.findall(r"alert: (\w+)", read("docs/alerts.yml"))
    told = re.findall(r"^\| `((?:Stratslabd|Backtestd)\w+)` \|", read("docs/operations.md"), re.MULTILINE)
    assert sorted(told) == sorted(alerts)
