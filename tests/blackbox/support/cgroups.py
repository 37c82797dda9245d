"""A control group of the test's own, of either version, below the one that the tests run in."""
import contextlib
import os
import re
import secrets
import shlex

import pytest

from .wait import wait_until

# What a limit is called, by version; and how a number of processors is written.
FILES = {"memory": {1: "memory.limit_in_bytes", 2: "memory.max"}, "cpu": {1: "cpu.cfs_quota_us", 2: "cpu.max"}}


def _mounts():
    """Where which controllers are: (version, folder, controllers)."""
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        for line in f:
            before, _, after = line.partition(" - ")
            kind, _, options = after.split()[:3]
            folder = re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1), 8)), before.split()[4])
            if kind == "cgroup2":
                with contextlib.suppress(OSError), open(f"{folder}/cgroup.subtree_control", encoding="ascii") as control:
                    yield 2, folder, control.read().split()
            elif kind == "cgroup":
                yield 1, folder, options.split(",")


class Group:
    """Has one limit. `command` is what a program's command begins with to run in there."""

    def __init__(self, controller, value):
        self.folder = None
        for version, top, controllers in _mounts():
            if controller not in controllers:
                continue
            folder = f"{top}/stratslab-test-{secrets.token_hex(4)}"
            try:
                os.mkdir(folder)
            except OSError:
                continue
            self.folder, self.version = folder, version
            self.file = FILES[controller][version]
            try:
                with open(f"{folder}/{self.file}", "w", encoding="ascii") as f:
                    f.write(str(value))
            except OSError:
                self.remove()
                continue
            break
        if self.folder is None:
            pytest.skip(f"a control group with a limit of {controller} cannot be made here")
        self.command = shlex.join(["sh", "-c", f'echo $$ >{self.folder}/cgroup.procs && exec "$@"', "sh"])

    def read(self, name):
        with open(f"{self.folder}/{name}", encoding="ascii") as f:
            return f.read()

    def peak(self):
        """The most memory that it has used, in bytes."""
        return int(self.read("memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"))

    def kills(self):
        """How often the kernel has killed a process for want of memory."""
        text = self.read("memory.events" if self.version == 2 else "memory.oom_control")
        return int(re.search(r"^oom_kill (\d+)", text, re.MULTILINE).group(1))

    def remove(self):
        if self.folder is not None:
            wait_until(self._is_removed, 10, "the control group to be empty")

    def _is_removed(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)
            self.folder = None
        return self.folder is None


@contextlib.contextmanager
def group(controller, value):
    one = Group(controller, value)
    try:
        yield one
    finally:
        one.remove()
