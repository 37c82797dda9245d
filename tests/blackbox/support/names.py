"""Names and addresses that do not answer: a name server of the test's own, and a host that is powered off."""
import contextlib
import errno
import os
import random
import shlex
import socket
import struct
import subprocess
import threading

import pytest

from .namespaces import unshare

TYPE_A = 1
MOUNTS = """\
mount --make-rprivate / || exit 9
mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 9
mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf || exit 9
shift
exec "$@"
"""


class NameServer:
    """Knows the `records` ({"db.test": ["127.0.0.1"]}), or, while it is `silent`, says nothing. `asked` counts questions. Programs
    that are started by `program()` ask it, by a resolv.conf of their own (in a mount namespace), as this has it by default."""

    def __init__(self, folder, **records):
        self.records, self.silent, self.asked = records, False, 0
        self.folder = folder
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._bind()
        (folder / "resolv.conf").write_text(f"nameserver {self.address}\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\npasswd: files\ngroup: files\n")
        (folder / "mounts").write_text(MOUNTS)
        self.command = [*unshare("--mount"), "sh", str(folder / "mounts"), str(folder)]
        if subprocess.run([*self.command, "true"], capture_output=True, check=False).returncode != 0:
            pytest.skip("a resolv.conf cannot be mounted here")
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _bind(self):
        """resolv.conf knows no port but 53, and who runs tests at the same time has an address of their own."""
        for _ in range(100):
            self.address = f"127.{random.randint(16, 250)}.{random.randint(0, 250)}.{random.randint(2, 250)}"
            try:
                return self.socket.bind((self.address, 53))
            except OSError as e:
                if e.errno == errno.EACCES:
                    pytest.skip("port 53 may not be bound here: a name server of the test's own needs root")
        raise AssertionError("no address has a free port 53")

    def program(self, path):
        return shlex.join([*self.command, path])

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                question, who = self.socket.recvfrom(512)
                self.asked += 1
                if not question:  # the end
                    return
                if not self.silent:
                    self.socket.sendto(self._answer(question), who)

    def _answer(self, question):
        """RFC 1035 section 4.1: the header, the question, and an A record for each address."""
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        (kind,) = struct.unpack("!H", question[at + 1:at + 3])
        known = self.records.get(".".join(labels).lower())
        found = known if known and kind == TYPE_A else []
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | (0 if known else 3), 1, len(found), 0, 0)
        records = (b"\xc0\x0c" + struct.pack("!HHIH", TYPE_A, 1, 0, 4) + socket.inet_aton(address) for address in found)
        return head + question[12:at + 5] + b"".join(records)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)


class PoweredOff:
    """An address that answers nothing, not even with a refusal: nobody accepts there, and the queue is full."""

    def __init__(self, address="127.0.0.1", port=0):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(0)
        self.address, self.port = self.listener.getsockname()
        self.queued = []
        for _ in range(16):
            one = socket.socket()
            one.settimeout(0.2)
            self.queued.append(one)
            try:
                one.connect((self.address, self.port))
            except TimeoutError:
                return
        raise AssertionError("the queue of a listening socket is never full here")

    def close(self):
        for one in [*self.queued, self.listener]:
            one.close()


def with_hosts(url, hosts, **parameters):
    """The URL with other hosts ("a:1,b:2")."""
    head, _, rest = url.partition("@")
    _, _, name = rest.partition("/")
    name, _, query = name.partition("?")
    more = "&".join(filter(None, [query, *(f"{key}={value}" for key, value in parameters.items())]))
    return f"{head}@{hosts}/{name}" + (f"?{more}" if more else "")
