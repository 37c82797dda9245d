"""Looking at processes through /proc."""
import contextlib
import os


def _read(pid, name):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/{name}", "rb") as f:
        return f.read()
    return b""


def _stat(pid):
    """State, parent and session of a process, or None where there is no such process (any more)."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return (fields[0].decode(), int(fields[1]), int(fields[3])) if len(fields) > 3 else None


def everyone():
    """(pid, state, parent, session) of every process that is more than a corpse."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat(int(name))
            if stat is not None and stat[0] not in "ZX":
                yield int(name), *stat


def children(parent):
    return sorted(pid for pid, _, ppid, _ in everyone() if ppid == parent)


def offspring(parent):
    """The same of a parent with one thread, without a look at everyone: for children that live for milliseconds only."""
    return sorted(map(int, _read(parent, f"task/{parent}/children").split()))


def parent(pid):
    """None where there is no such process (any more)."""
    stat = _stat(pid)
    return stat and stat[1]


def is_alive(pid):
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def belonging(session, marker):
    """Processes of a session, or with a variable in their environment (they may have made a session of their own)."""
    needle = marker.encode()
    return sorted(pid for pid, _, _, sid in everyone()
                  if pid != os.getpid() and (sid == session or needle in _read(pid, "environ").split(b"\0")))


def descriptors(pid):
    """How many it has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def pending(pid, number):
    """Whether that signal waits for it."""
    masks = [line.split()[1] for line in _read(pid, "status").splitlines() if line.startswith((b"SigPnd:", b"ShdPnd:"))]
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def resident(pid):
    """Its resident memory in bytes."""
    return int(_read(pid, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def describe(pid):
    command = _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    return f"{pid} ({command or 'no command line'})"
