"""docs/api.md's tour and the README's are run as they stand, and answer what they show."""
import os
import re
import shutil
import subprocess

from support import daemon as daemons
from support.wait import SLOWNESS

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
TOUR = os.path.join(TOP, "docs", "api.md")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def blocks():
    """(commands, lines of the answer) in their order, up to the chapter on tokens."""
    with open(TOUR, encoding="utf-8") as f:
        tour = f.read().partition("\n## Tokens\n")[0]
    found = []
    for language, text in BLOCK.findall(tour):
        if language == "sh":
            found.append((text, []))
        elif language == "text":
            found[-1][1].extend(text.splitlines())
    return found


def test_tour(daemon, tmp_path):
    service = daemon()
    all_blocks = blocks()
    assert len(all_blocks) > 10
    script = "\n".join(f"{commands}\nprintf '\\n---- end of block\\n'" for commands, _ in all_blocks)
    script = script.replace("http://127.0.0.1:8000", service.url)
    (tmp_path / ".curlrc").write_text('write-out = "\\n"\n')  # so that each answer ends its line
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "CURL_HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60 * SLOWNESS)
    assert done.returncode == 0, done.stderr
    for (commands, shown), output in zip(all_blocks, done.stdout.split("---- end of block\n")):
        lines = iter(output.splitlines())
        for wanted in shown:
            pattern = re.compile(r"\s*" + ".*".join(map(re.escape, wanted.split("…"))))
            assert any(pattern.fullmatch(line) for line in lines), f"{wanted!r} is not (any more) in the answer to\n{commands}\n{output}"


def test_readme_tour(daemon, backtestd, database, tmp_path):
    """What a new user types: candles, a strategy, a backtest, its metrics, trades and curve."""
    with open(os.path.join(TOP, "README.md"), encoding="utf-8") as f:
        script = BLOCK.search(f.read().partition("\n## Try it\n")[2]).group(2)
    service = daemon()
    (tmp_path / "lab").mkdir()
    lab = daemons.Backtestd(backtestd, ("serve",), {"DATABASE_URL": database.url}, str(tmp_path / "lab"))
    try:
        lab.start(True)
        shutil.copytree(os.path.join(TOP, "examples"), tmp_path / "examples")
        (tmp_path / ".curlrc").write_text('write-out = "\\n"\n')
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "CURL_HOME": str(tmp_path)}
        done = subprocess.run(["bash", "-euc", script.replace("http://127.0.0.1:8000", service.url)], cwd=tmp_path, env=env, capture_output=True, text=True,
                              timeout=180 * SLOWNESS)
    finally:
        lab.finish()
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert '"status":"ok"' in said and '"symbol":"MY:COIN"' in said, said
    assert '"new":1096' in said.replace(" ", ""), said
    result = re.search(r'^\{.*"status":"succeeded".*$', said, re.MULTILINE)
    assert result and '"result_hash":"' in result.group(), said
    trades = said.partition("\nn,side,quantity,entry_time,")[2]
    assert trades and re.search(r"^1,long,", trades, re.MULTILINE), said
    assert re.search(r"^time,equity\r?\n2022-01-01T", trades, re.MULTILINE), said
