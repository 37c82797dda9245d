"""A plain HTTP client on the standard library, for requests that are as they should be. Others need a raw socket."""
import http.client
import json
from dataclasses import dataclass

from .wait import SLOWNESS

REQUEST_SECONDS = 10


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage  # names are looked up whatever their case
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode("utf-8")


def encode(body, headers):
    """The bytes of a body: a str or bytes as they are, anything else as JSON (with its Content-Type), as most clients
    write it: what is beyond ASCII is not escaped."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode("utf-8")
    if "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = "application/json"
    return json.dumps(body, ensure_ascii=False).encode("utf-8")


class Client:
    """One kept-alive connection. `contract` judges each answer (contract.py)."""

    def __init__(self, port, host="127.0.0.1", timeout=REQUEST_SECONDS, contract=None, source=None):
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout * SLOWNESS,
                                                     source_address=None if source is None else (source, 0))
        self.contract = contract

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, method, path, body=None, headers=None):
        self.send(method, path, body, headers)
        return self.receive(method, path)

    def send(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        self.connection.request(method, path, encode(body, headers), headers)

    def receive(self, method, path):
        """The answer to what was sent."""
        response = self.connection.getresponse()
        answer = Response(response.status, response.headers, response.read())
        if self.contract is not None:
            self.contract.check(method, path, answer.status, answer.headers, answer.body)
        return answer

    def close(self):
        self.connection.close()


def request(port, method, path, body=None, headers=None, timeout=REQUEST_SECONDS, contract=None):
    """One request on a connection of its own."""
    with Client(port, timeout=timeout, contract=contract) as client:
        return client.request(method, path, body, headers)
