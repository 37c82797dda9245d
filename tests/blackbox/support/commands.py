"""A program's table of commands, as its help prints it."""
import re

from support import daemon as daemons


class Entry:
    """The program, a command or a verb: .path (its words), .help, .usage, .commands (names), .options ({name: value or None})."""

    def __init__(self, program, path):
        done = daemons.run(program, *path, "--help")
        assert done.returncode == 0 and not done.stderr, (path, done.stderr)
        self.path, self.help = path, done.stdout
        self.usage = re.match(r"Usage: (.*(?:\n .*)*)\n", self.help).group(1)
        self.commands = [name for name, _ in self._list("Commands")]
        self.options = {name: value or None for name, value in self._list("Options")}

    def _list(self, heading):
        block = re.search(rf"^{heading}:\n((?:  .*\n)+)", self.help, re.MULTILINE)
        return re.findall(r"^  (--[a-z-]+|[a-z]+)(?: ([^ \n]+))?(?:  .*)?$", block.group(1), re.MULTILINE) if block else []


class Table:
    """.program (an Entry), .entries (all commands and verbs), .runs (those that have no verbs). The program's options, which each
    command with settings takes, are its alone; .inherited is what an entry takes of them."""

    def __init__(self, program):
        self.program = Entry(program, ())
        self.entries = []
        for name in self.program.commands:
            command = Entry(program, (name,))
            self.entries += [command] + [Entry(program, (name, verb)) for verb in command.commands]
        for entry in self.entries:
            entry.inherited = {name: value for name, value in entry.options.items() if name in self.program.options}
            assert set(entry.inherited) in ({"--help"}, set(self.program.options) - {"--version"}), entry.path
            entry.options = {name: value for name, value in entry.options.items() if name not in self.program.options}
        self.runs = [entry for entry in self.entries if not entry.commands]

    def options(self, command):
        """{name: value} of a command and its verbs."""
        return {name: value for entry in self.entries if entry.path[0] == command for name, value in entry.options.items()}
