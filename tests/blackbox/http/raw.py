"""A client that sends what it is told, byte for byte, and reads answers as strictly as RFC 9112 is written."""
import json
import re
import socket
import struct

from support import contract
from support.wait import SLOWNESS

SECONDS = 10
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [\x20-\x7e]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e]*)")
REQUEST_LINE = re.compile(rb"([A-Z]+) ([!-~]+) HTTP/1\.1\r\n")
DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT")


class Answer:
    def __init__(self, status, fields, body):
        self.status = status
        self.fields = fields  # names in lower case
        self.body = body

    @property
    def closes(self):
        return self.fields.get("connection", "").lower() == "close"

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:200]!r}"


class Raw:
    """One connection."""

    def __init__(self, port, seconds=SECONDS, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(seconds * SLOWNESS)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def shut(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        """Goes away without a word: the server sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _more(self, what):
        data = self.socket.recv(65536)
        assert data, f"the connection ended, expected {what}; so far: {self.input[:200]!r}"
        self.input += data

    def _line(self):
        while b"\r\n" not in self.input:
            self._more("a line")
        line, self.input = self.input.split(b"\r\n", 1)
        return line

    def answer(self, head=False):
        """The next answer, checked for what every answer of ours has. 100 is one of its own."""
        line = self._line()
        found = STATUS_LINE.fullmatch(line)
        assert found, f"no status line: {line!r}"
        status, fields = int(found.group(1)), {}
        while line := self._line():
            found = FIELD.fullmatch(line)
            assert found, f"no field line: {line!r}"
            name = found.group(1).decode().lower()
            assert name not in fields, f"{name} comes twice"
            fields[name] = found.group(2).decode()
        if status == 100:
            assert not fields
            return Answer(status, fields, b"")
        bare = head or status in (204, 304)
        length = 0 if bare else int(fields["content-length"])
        assert "transfer-encoding" not in fields
        assert (status in (204, 304)) == ("content-length" not in fields)
        while len(self.input) < length:
            self._more("content")
        body, self.input = self.input[:length], self.input[length:]
        answer = Answer(status, fields, body)
        check(answer, bare)
        return answer

    def ask(self, data, head=False):
        """One request and its answer, which must be one that the OpenAPI document allows."""
        data = data.encode("latin-1") if isinstance(data, str) else data
        answer = self.send(data).answer(head)
        found = REQUEST_LINE.match(data)
        if found and answer.status != 100:
            method, target = (text.decode("ascii") for text in found.groups())
            contract.of().check(method, target, answer.status, answer.fields, answer.body)
        return answer

    def end(self):
        """The server closes, in order: nothing more comes, and no reset."""
        assert self.input == b"", f"more than was expected: {self.input[:200]!r}"
        more = self.socket.recv(65536)
        assert more == b"", f"more than was expected: {more[:200]!r}"

    def in_order(self):
        """Nothing unasked has come, and the connection takes another request."""
        assert self.input == b"", f"more than was expected: {self.input[:200]!r}"
        assert self.ask("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200
        assert self.input == b""


def check(answer, bare):
    fields = answer.fields
    assert DATE.fullmatch(fields["date"]), fields
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["x-request-id"]
    if answer.status < 400 or bare:
        return
    assert fields["content-type"] == "application/problem+json", answer
    problem = answer.json()
    assert problem["status"] == answer.status and problem["type"] == "about:blank", answer
    assert problem["title"] and problem["detail"] and problem["detail"][-1] in ".)", answer
    assert re.fullmatch("[a-z][a-z_]*", problem["code"]), answer
    assert problem["request_id"] == fields["x-request-id"], answer
