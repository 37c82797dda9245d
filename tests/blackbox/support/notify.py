"""A service manager's side of systemd's notify protocol: a socket that remembers what it was told."""
import os
import socket
import threading
import time

from .wait import wait_until


class Manager:
    """`with Manager(folder) as manager:` and NOTIFY_SOCKET=manager.path; .messages is [(arrival, {"READY": "1", …})]."""

    def __init__(self, folder, abstract=False):
        self.path = f"@stratslab-test-{os.getpid()}-{time.monotonic_ns()}" if abstract else os.path.join(folder, "notify")
        self.messages = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def __enter__(self):
        self._socket.bind("\0" + self.path[1:] if self.path[0] == "@" else self.path)
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)

    def _listen(self):
        with self._socket:
            while True:
                data, control, _, _ = self._socket.recvmsg(8192, socket.CMSG_SPACE(12))
                if not data:
                    return
                told = dict(line.split("=", 1) for line in data.decode().splitlines())
                told["pid"] = int.from_bytes(control[0][2][:4], "little") if control else 0
                self.messages.append((time.monotonic(), told))

    def told(self, name, after=0):
        """The messages that hold `name`, beginning with the one at index `after`."""
        return [told for _, told in self.messages[after:] if name in told]

    def wait(self, look, timeout, what, after=0):
        """Until a message satisfies look(message): it."""
        def find():
            return next((told for _, told in self.messages[after:] if look(told)), None)

        try:
            return wait_until(find, timeout, what)
        except AssertionError as e:
            raise AssertionError(f"{e}; was told: {[told for _, told in self.messages[after:]]}") from None

    def wait_for(self, name, timeout=15, after=0):
        return self.wait(lambda told: name in told, timeout, f"{name}=", after)

    def times(self, name):
        return [at for at, told in self.messages if name in told]


