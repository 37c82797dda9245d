"""A network between a daemon and its database: a relay on 127.0.0.1 that can fall silent, and lose what is under way."""
import contextlib
import socket
import struct
import threading

from psycopg import conninfo

from .database import make_url

GONE = (OSError, ValueError)  # of a socket that another thread has closed


class Relay:
    """`with Relay(url) as network:` passes connections to `network.url` on to the server of `url`."""

    def __init__(self, url):
        parts = conninfo.conninfo_to_dict(url)
        self._server = (parts["host"], int(parts["port"]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = make_url({**parts, "host": "127.0.0.1", "port": self._listener.getsockname()[1]})
        self._there, self._back = threading.Event(), threading.Event()
        self._pairs, self._lock, self._watch = [], threading.Lock(), None
        self.kept = 0  # connections on which the daemon has said something into the silence
        self.go_on()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which wakes who accepts
        self._listener.close()
        self.cut()
        self.go_on()

    def fall_silent(self, there=True, back=True):
        """Connections stay, and new ones are made, but nothing passes, not even their end. It is kept, as TCP would send it again."""
        if there:
            self._there.clear()
        if back:
            self._back.clear()

    def go_on(self):
        self._there.set()
        self._back.set()

    def cut(self):
        """All connections are reset at both ends, and what was under way is lost."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.shutdown(socket.SHUT_RD)  # which wakes who reads
                one.close()

    def lose_answers_to(self, words):
        """From the next time on that the daemon sends these bytes, nothing comes back. Returns an event: it has happened."""
        return self._watch_for(words, None)

    def cut_after(self, words, more):
        """The next time that the daemon sends these bytes, so many of those behind them pass, or some more, and then all is cut. Returns
        an event: it has happened."""
        return self._watch_for(words, more)

    def _watch_for(self, words, more):
        happened = threading.Event()
        self._watch = (words, more, happened)
        return happened

    def _accept(self):
        with contextlib.suppress(*GONE):
            while True:
                client = self._listener.accept()[0]
                try:
                    server = socket.create_connection(self._server)
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._pairs.append((client, server))
                for target, ends in ((self._pass_there, (client, server)), (self._pass_back, (server, client))):
                    threading.Thread(target=target, args=ends, daemon=True).start()

    def _pass_there(self, client, server):
        tail = b""
        with contextlib.suppress(*GONE):
            while data := client.recv(65536):
                if not self._there.is_set():
                    with self._lock:
                        self.kept += 1
                self._there.wait()
                watch = self._watch
                if watch is None or watch[0] not in tail + data:
                    tail = (tail + data)[-100:]
                    server.sendall(data)
                    continue
                self._watch, tail, (_, more, happened) = None, b"", watch
                if more is None:
                    self._back.clear()
                server.sendall(data)
                if more is not None:
                    self._pass_some(client, server, more)
                    self.cut()
                happened.set()
            self._there.wait()
            server.shutdown(socket.SHUT_WR)

    @staticmethod
    def _pass_some(client, server, count):
        while count > 0 and (data := client.recv(count)):
            server.sendall(data)
            count -= len(data)

    def _pass_back(self, server, client):
        with contextlib.suppress(*GONE):
            while data := server.recv(65536):
                self._back.wait()
                client.sendall(data)
            self._back.wait()
            client.shutdown(socket.SHUT_WR)
