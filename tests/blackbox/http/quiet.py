"""A daemon that is watched while it is treated badly."""
import re

from support import processes

WRONG = re.compile(r'^(?:<\d>)?(?:ts=\S+ level=(?:error|warning)|{"ts":"[^"]*","level":"(?:error|warning)")')


class Quiet:
    """A daemon that must stay as it is: no worker dies, and nothing worse than "info" is logged."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.workers = daemon.workers()
        self.seen = 0

    def check(self):
        with open(self.daemon.log_path, encoding="utf-8", errors="replace") as f:
            f.seek(self.seen)
            text = f.read()
        self.seen += len(text.encode("utf-8", errors="replace"))
        wrong = [line for line in text.split("\n") if WRONG.search(line)]
        assert not wrong, "the log has:\n" + "\n".join(wrong)
        assert [pid for pid in self.workers if not processes.is_alive(pid)] == [], "a worker died"
