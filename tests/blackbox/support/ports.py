"""Ports that no other test has: each is held by a lock on a file, so that workers of pytest-xdist do not collide.

They lie below the kernel's ephemeral range, where an outgoing connection might take one between our look and its use.
"""
import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 20000, 29999
FOLDER = os.path.join(tempfile.gettempdir(), f"stratslab-ports.{os.getuid()}")


class Port:
    """A port of 127.0.0.1, ours until release(); int(port) is its number."""

    def __init__(self):
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        start = random.randint(FIRST, LAST)
        for i in range(LAST - FIRST + 1):
            self.number = FIRST + (start - FIRST + i) % (LAST - FIRST + 1)
            if self._lock():
                return
        raise AssertionError(f"no free port from {FIRST} to {LAST}")

    def _lock(self):
        self.fd = os.open(os.path.join(FOLDER, str(self.number)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", self.number))
            return True
        except OSError:
            os.close(self.fd)
            return False

    def release(self):
        """The file stays: removing it would let two holders lock two files of one name."""
        os.close(self.fd)

    def __int__(self):
        return self.number

    def __str__(self):
        return str(self.number)
