"""Reading the log back, strictly: whatever is not exactly a line of it is an AssertionError."""
import json
import re

KEY = re.compile(r"[a-z][a-z0-9_]*")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))*"')
BARE = re.compile(r'[!#-<>-\[\]-~]+')  # printable ASCII without space, quote, equals sign and backslash
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
LEVELS = {"error": 3, "warning": 4, "info": 6, "debug": 7}
ROLES = {"master", "worker", "admin", "migrate"}
HEAD = ["ts", "level", "role", "pid", "msg"]


def _pairs_of_logfmt(line):
    pairs, at = [], 0
    while True:
        key = KEY.match(line, at)
        assert key and line[key.end():key.end() + 1] == "=", f"no key= at byte {at} of {line!r}"
        at = key.end() + 1
        value = STRING.match(line, at) or BARE.match(line, at)
        assert value, f"no value at byte {at} of {line!r}"
        text = value.group(0)
        pairs.append((key.group(0), json.loads(text) if text[0] == '"' else text))
        at = value.end()
        if at == len(line):
            return pairs
        assert line[at] == " ", f"no space at byte {at} of {line!r}"
        at += 1


def _pairs_of_json(line):
    pairs = json.loads(line, object_pairs_hook=list)
    assert isinstance(pairs, list) and all(isinstance(value, (str, int, float)) for _, value in pairs), line
    return pairs


def read_line(line, form, prefixed=False):
    """One line as a dictionary; numbers of a logfmt line stay text."""
    priority = None
    if prefixed:
        assert re.match(r"<[3467]>", line), line
        priority, line = int(line[1]), line[3:]
    pairs = {"logfmt": _pairs_of_logfmt, "json": _pairs_of_json}[form](line)
    names = [name for name, _ in pairs]
    assert names[:5] == HEAD, line
    assert len(set(names)) == len(names), f"a key twice: {line}"
    entry = dict(pairs)
    assert TIME.fullmatch(entry["ts"]) and entry["level"] in LEVELS and entry["role"] in ROLES, line
    assert int(entry["pid"]) > 0 and entry["msg"], line
    assert priority in (None, LEVELS[entry["level"]]), line
    return entry


def read(text, form="logfmt", prefixed=False):
    """Every line of a log that has ended."""
    assert text == "" or text.endswith("\n"), f"the last line is torn: {text[-200:]!r}"
    assert all(len(line.encode()) < 4096 for line in text.split("\n"))
    return [read_line(line, form, prefixed) for line in text.split("\n")[:-1]]
