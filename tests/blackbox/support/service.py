"""A program beside the daemon (a proxy, a pooler): in the foreground, of the test's own configuration, on 127.0.0.1."""
import contextlib
import os
import signal
import socket
import subprocess

from .wait import SLOWNESS, wait_until


class Service:
    """Started by start(), ready when something accepts on `port`; stop() ends it, by the signal that makes it end at once."""

    def __init__(self, command, port, log_path, end=signal.SIGTERM):
        self.command, self.port, self.log_path, self.end = command, port, log_path, end
        if os.getuid() == 0:  # a pooler refuses to be root; the test's folder is theirs to enter
            self.command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
        self.start()

    def start(self):
        with open(self.log_path, "ab", buffering=0) as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *self.command], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        try:
            wait_until(self._accepts, 15, f"{self.command[-3:]} to accept on {self.port}")
        except AssertionError as e:
            self.stop()
            raise AssertionError(f"{e}; it said:\n{self.log()}") from None

    def _accepts(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log()}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5):
            return True
        return False

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(self.end)
            try:
                self.process.wait(15 * SLOWNESS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
