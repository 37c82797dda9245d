"""Becomes a program after leaving it what a careless parent leaves: launch.py WORD... -- PROGRAM ARGUMENT...

ignore=CHLD,HUP|all  block=TERM|all  close=0,1,2  limit=NOFILE:SOFT:HARD (SOFT alone: the hard one stays)  timer=REAL:SECONDS  umask=777  nocldwait
cwd=gone  argv=none  repeat=NAME=VALUE (once more, at the environment's end)  bare=WORD (an entry without =)"""
import ctypes
import os
import resource
import signal
import sys
import tempfile

RESTART, NOCLDWAIT = 0x10000000, 2


class Action(ctypes.Structure):  # struct sigaction of glibc
    _fields_ = [("handler", ctypes.c_void_p), ("mask", ctypes.c_ulong * 16), ("flags", ctypes.c_int), ("restorer", ctypes.c_void_p)]


def numbers(text):
    return set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP} if text == "all" else [signal.Signals[f"SIG{name}"] for name in text.split(",")]


def lose_cwd():
    folder = tempfile.mkdtemp(prefix="stratslab-cwd.")
    os.chdir(folder)
    os.rmdir(folder)


def limit(text):
    name, soft, *hard = text.split(":")
    number = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(number, (int(soft), int(hard[0]) if hard else resource.getrlimit(number)[1]))


def main(words, command):
    environment, argv, closed = [f"{name}={value}" for name, value in os.environ.items()], command, []
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
        signal.signal(number, signal.SIG_DFL)
    for word in words:
        kind, _, value = word.partition("=")
        if kind == "ignore":
            for number in numbers(value):
                signal.signal(number, signal.SIG_IGN)
        elif kind == "nocldwait":
            assert ctypes.CDLL(None).sigaction(signal.SIGCHLD, ctypes.byref(Action(None, flags=NOCLDWAIT)), None) == 0
        elif kind == "block":
            signal.pthread_sigmask(signal.SIG_BLOCK, numbers(value))
        elif kind == "close":
            closed = [int(fd) for fd in value.split(",")]
        elif kind == "limit":
            limit(value)
        elif kind == "timer":
            which, _, seconds = value.partition(":")
            signal.setitimer(getattr(signal, f"ITIMER_{which}"), float(seconds))
        elif kind == "umask":
            os.umask(int(value, 8))
        elif kind == "cwd":
            lose_cwd()
        elif kind == "argv":
            argv = []
        elif kind in ("repeat", "bare"):
            environment.append(value)
        else:
            sys.exit(f"launch.py: {word} is not known")
    for fd in closed:
        os.close(fd)

    def strings(texts):
        return (ctypes.c_char_p * (len(texts) + 1))(*[os.fsencode(text) for text in texts], None)

    ctypes.CDLL(None).execve(os.fsencode(command[0]), strings(argv), strings(environment))
    os._exit(126)


if __name__ == "__main__":
    at = sys.argv.index("--")
    main(sys.argv[1:at], sys.argv[at + 1:])
