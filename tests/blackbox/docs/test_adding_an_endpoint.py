"""The example of docs/adding-an-endpoint.md is in the sources, word for word, and short."""
import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as f:
        return f.read()


def test_the_diff_is_real():
    page = read("docs/adding-an-endpoint.md")
    diff = re.search(r"```diff\n(.*?)```", page, re.DOTALL).group(1).split("\n")
    path = diff[1].removeprefix("+++ b/")
    added = [line[1:] for line in diff[2:] if line.startswith("+")]
    assert 20 < len(added) <= 30
    source = read(path)
    split = next(i for i, line in enumerate(added) if line.startswith("};")) + 1
    for part in (added[:split], added[split:]):
        assert "\n".join(part) in source
