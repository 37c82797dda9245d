"""docs/nginx.conf as it stands, with a certificate, names and ports of the test's own, before the real daemon."""
import gzip
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import pytest
from support import daemon as daemons
from support import logs
from support.ports import Port
from support.service import Service
from support.wait import SLOWNESS

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))
MAIN = """\
pid {folder}/nginx.pid;
error_log stderr info;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Proxy:
    def __init__(self, folder, upstream_port):
        assert PROGRAM, "nginx is missing: scripts/dev.sh deps"
        self.ports = [Port(), Port()]
        self.tls_port, self.plain_port = map(int, self.ports)
        self.certificate = f"{folder}/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
                        "2", "-subj", "/CN=api.example.org", "-addext", "subjectAltName=DNS:api.example.org", "-keyout",
                        f"{folder}/key.pem", "-out", self.certificate], check=True, capture_output=True, timeout=60)
        with open(os.path.join(TOP, "docs", "nginx.conf"), encoding="utf-8") as f:
            site = f.read()
        for was, now in [("127.0.0.1:8000", f"127.0.0.1:{upstream_port}"), ("listen 443 ", f"listen 127.0.0.1:{self.tls_port} "),
                         ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
                         ("/etc/ssl/stratslab/fullchain.pem", self.certificate),
                         ("/etc/ssl/stratslab/privkey.pem", f"{folder}/key.pem")]:
            assert site.count(was) == 1, was
            site = site.replace(was, now)
        for name, text in [("site.conf", site), ("nginx.conf", MAIN.format(folder=folder))]:
            with open(f"{folder}/{name}", "w", encoding="utf-8") as f:
                f.write(text)
        if os.getuid() == 0:
            for name in os.listdir(folder):
                shutil.chown(f"{folder}/{name}", "nobody", "nogroup")
        self.service = Service([PROGRAM, "-p", folder, "-c", f"{folder}/nginx.conf", "-g", "daemon off;"], self.tls_port,
                               f"{folder}/log")

    def connect(self):
        context = ssl.create_default_context(cafile=self.certificate)
        raw = socket.create_connection(("127.0.0.1", self.tls_port), timeout=30 * SLOWNESS)
        connection = http.client.HTTPSConnection("api.example.org", context=context)
        connection.sock = context.wrap_socket(raw, server_hostname="api.example.org")
        return connection

    def request(self, method, path, body=None, headers=None, connection=None):
        connection = connection or self.connect()
        headers = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
        connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def stop(self):
        self.service.stop()
        for port in self.ports:
            port.release()


@pytest.fixture
def proxy():
    """proxy(port) starts an nginx before that port."""
    started = []

    def start(upstream_port):
        folder = tempfile.mkdtemp(prefix="stratslab-nginx.", dir="/tmp")
        if os.getuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        started.append((None, folder))
        started[-1] = (Proxy(folder, upstream_port), folder)
        return started[-1][0]

    yield start
    for one, folder in started:
        if one:
            one.stop()
        shutil.rmtree(folder)


def test_requests_pass_with_their_names_and_share_connections(daemon, proxy):
    d = daemon(workers=2, allowed_hosts="api.example.org")
    p = proxy(d.port)
    status, headers, body = p.request("POST", "/api/v1/strategies", {"name": "A", "kind": "sma_crossover"})
    assert status == 201 and headers["Strict-Transport-Security"]
    made = json.loads(body)
    connection = p.connect()
    ids = set()
    for _ in range(60):
        status, headers, _ = p.request("GET", f"/api/v1/strategies/{made['id']}", connection=connection)
        assert status == 200 and headers["ETag"] == '"1"'
        ids.add(headers["X-Request-ID"])
    assert len(ids) == 60
    plain = http.client.HTTPConnection("127.0.0.1", p.plain_port, timeout=30)
    plain.request("GET", "/api/v1/strategies?limit=1", headers={"Host": "api.example.org"})
    answer = plain.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, "https://api.example.org/api/v1/strategies?limit=1")
    status, _, body = p.request("POST", "/api/v1/strategies", b"x" * (1024 * 1024 + 1))
    assert status == 413
    assert d.stop() == 0
    told = [entry for entry in logs.read(d.log()) if entry["msg"] == "request" and entry["request_id"] in ids]
    assert len(told) == 60
    assert len({entry["peer"] for entry in told}) <= 4  # kept alive
    assert p.request("GET", "/health")[0] == 502  # nobody is there any more


def test_a_reload_behind_it_loses_nothing(daemon, proxy, stratslabd):
    d = daemon(workers=2, allowed_hosts="api.example.org")
    p = proxy(d.port)
    fates, stop = [], threading.Event()

    def ask():
        connection = p.connect()
        while not stop.is_set():
            fates.append(p.request("GET", "/api/v1/strategies?limit=1", connection=connection)[0])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            done = daemons.run(stratslabd, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert len(fates) > 20 and set(fates) == {200}


def test_large_answers_are_compressed_and_their_etags_weak(daemon, proxy):
    d = daemon(workers=1, allowed_hosts="api.example.org")
    p = proxy(d.port)
    made = json.loads(p.request("POST", "/api/v1/strategies", {"name": "A", "kind": "k", "description": "d" * 2000})[2])
    path = f"/api/v1/strategies/{made['id']}"
    status, headers, body = p.request("GET", path, headers={"Accept-Encoding": "gzip"})
    assert (status, headers["Content-Encoding"], headers["ETag"]) == (200, "gzip", 'W/"1"')
    assert json.loads(gzip.decompress(body))["id"] == made["id"]
    assert p.request("GET", path, headers={"If-None-Match": 'W/"1"'})[0] == 304
    patch = {"Content-Type": "application/merge-patch+json"}
    assert p.request("PATCH", path, {"kind": "l"}, {**patch, "If-Match": 'W/"1"'})[0] == 412
    assert p.request("PATCH", path, {"kind": "l"}, {**patch, "If-Match": '"1"'})[0] == 200


class Vanishing:
    """An upstream that reads a request and hangs up: what it was asked, in order."""

    def __init__(self):
        self.requests = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            with one:
                text = b""
                while b"\r\n\r\n" not in text and (chunk := one.recv(65536)):
                    text += chunk
                if text:
                    self.requests.append(text.decode())


def test_a_write_is_never_sent_twice_and_the_client_s_name_is_forwarded(proxy):
    upstream = Vanishing()
    p = proxy(upstream.port)
    with upstream.listener:
        for method in ("POST", "PATCH"):
            upstream.requests.clear()
            assert p.request(method, "/api/v1/strategies", {"name": "A"}, {"X-Forwarded-For": "192.0.2.7"})[0] == 502
            assert len(upstream.requests) == 1
    (head,) = upstream.requests
    fields = dict(re.findall(r"^([\w-]+): (.*)\r$", head, re.MULTILINE))
    assert head.startswith("PATCH /api/v1/strategies HTTP/1.1")
    assert fields["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
    assert (fields["X-Forwarded-Proto"], fields["X-Forwarded-Host"], fields["Host"]) == ("https", "api.example.org",
                                                                                       "api.example.org")
    assert re.fullmatch("[0-9a-f]{32}", fields["X-Request-ID"])
    assert "Connection" not in fields
