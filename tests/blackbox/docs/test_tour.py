"""docs/api.md's tour is run as it stands, and answers what it shows."""
import os
import re
import subprocess

from support.wait import SLOWNESS

TOUR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs", "api.md")
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
