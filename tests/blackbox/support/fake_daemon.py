#!/usr/bin/env python3
"""Stands in for the daemon where the tests' frame is tested: serves /health/ready, and misbehaves on demand (FAKE)."""
import http.server
import os
import signal
import subprocess
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"status":"ok"}'
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    fault = os.environ.get("FAKE", "")
    host, _, port = os.environ["STRATSLAB_LISTEN"].rpartition(":")
    if fault == "refuse":
        sys.exit("error: the settings are wrong")
    if fault == "taken" and not os.path.exists(os.environ["FAKE_ONCE"]):
        with open(os.environ["FAKE_ONCE"], "w", encoding="ascii"):
            sys.exit("error: bind: Address already in use")
    if fault == "report":
        print("==1==ERROR: AddressSanitizer: heap-use-after-free", file=sys.stderr, flush=True)
    worker = subprocess.Popen(["sleep", "600"], start_new_session=fault == "leave")
    print(f'level=info role=worker pid={worker.pid} msg="ready"', file=sys.stderr, flush=True)
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    if fault != "leave":
        worker.kill()
        worker.wait()
    sys.exit(3 if fault == "status" else 0)


if __name__ == "__main__":
    main()
