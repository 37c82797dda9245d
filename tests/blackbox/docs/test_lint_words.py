"""tests/lint/words: what it finds in C, man pages and Markdown, and what it leaves alone."""
import os
import subprocess

import pytest

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lint", "words")


def lint(folder, files):
    """What is found in files, {name: text}: [(name, line, the rest)]"""
    for name, source in files.items():
        (folder / name).write_text(source, encoding="utf-8")
    done = subprocess.run([LINT, *(str(folder / name) for name in files)], capture_output=True, text=True, check=False,
                          timeout=60)
    assert done.stderr == ""
    lines = [line.removeprefix(f"{folder}/") for line in done.stdout.splitlines()]
    assert done.returncode == (1 if len(lines) > 1 else 0)
    found = [line.split(":", 2) for line in lines[:-1]]
    return [(name, int(number), rest) for name, number, rest in found]


GOOD = {
    "c": r'''
#include "where/there/is/none.h"
/* There is no reader any more, and the ledger
 * is no longer read. NULL if there is none. Where it stands is where the text ends. */
int who; // who needs it?
static const char *const texts[] = {
    "there are no options: %s", "\"x\" is not an option", "SELECT a\n" "WHERE a IS NOT NULL",
    "whoever wants it, asks", "it is no more than 3, no fewer", "this is no different", "is", "no option", "the setting that it has not",
    "the server behind the proxy", "it is allowed to read", "this cannot be", "who is allowed to read?",
};
static const char quote = '"';
/* is */
/* no reader */
''',
    "md": '''
# No

There is no
ledger. It is no longer here, and `"x" is no option` is code.

```sh
echo x is no option, where there is none
```

- this is
- no list

| it is | no cell |
|---|---|
| what is read is not a ledger | which it has not |
''',
    "8": '''.\\" It is no option.
.Sh DESCRIPTION
It is
.Pp
no longer here.
.Bd -literal
x is no option
.Ed
The file is read if there is none.
''',
}


def test_what_is_said_well_passes(tmp_path):
    assert lint(tmp_path, {f"good.{suffix}": source for suffix, source in GOOD.items()}) == []


@pytest.mark.parametrize("phrase", [
    "\"%s\" is no option",
    "These are no options of ours",
    "the token has not the scope",
    "NULL where there is none",
    "NULL where it is not the newest",
    "an error where it is missing",
    "one, and where none is, none",
    "used if it is set; where not, made",
    "the newest. Who wants it, reads it",
    "a digit behind the point",
    "the file is another one than was read",
    "Too much waits to be read by its clients",
    "a lock that allows to read",
    "this can not be read",
    "say how it looks like",
])
def test_what_is_not_is_found(tmp_path, phrase):
    """In each kind of file, on one line and across the end of one."""
    said = f"A text, then {phrase}."
    cut = said.index(" ", len(said) // 2)
    two = said[:cut], said[cut + 1:]
    literals = [part.replace('"', r"\"") for part in two]
    files = {
        "one.c": f"int a;\n/* {said} */\n",
        "two.c": f"int a;\n/* {two[0]}\n * {two[1]} */\n",
        "line.c": f"int a; // {said}\n",
        "text.h": f'const char a[] = "{literals[0]} "\n                 "{literals[1]}";\n',
        "one.md": f"# Head\n\n{said}\n",
        "two.md": f"# Head\n\n- {two[0]}\n  {two[1]}\n",
        "two.8": f".Pp\n{two[0]}\n{two[1]}\n",
    }
    assert [name for name, _, _ in lint(tmp_path, files)] == list(files)


def test_where_it_is_told(tmp_path):
    found = lint(tmp_path, {
        "a.c": 'int a;\n/* one\n * is no two */\nconst char b[] = "x"\n    " y"\n    " is "\n    "no z";\n',
        "b.md": "# A\n\nIt\nis `so`,\nand it is no b\n",
        "c.8": ".Sh A\nis\n.Ql no b\n",
    })
    assert [(name, number) for name, number, _ in found] == [("a.c", 3), ("a.c", 6), ("b.md", 5), ("c.8", 2)]
    assert all('"is no ' in rest and 'say "is not a' in rest for _, _, rest in found)
