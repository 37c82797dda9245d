"""/metrics, read as Prometheus reads it."""
import re

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')
SUFFIXES = ("_bucket", "_sum", "_count")


class Metrics:
    """One scrape: .types by family, .value(name, label=…) sums the samples that match."""

    def __init__(self, text):
        self.types, self.helps, self.samples = {}, {}, []
        for line in text.splitlines():
            if line.startswith("# "):
                _, kind, name, rest = line.split(" ", 3)
                (self.types if kind == "TYPE" else self.helps)[name] = rest
            else:
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def value(self, name, **labels):
        found = [v for n, own, v in self.samples if n == name and all(own.get(k) == x for k, x in labels.items())]
        assert found, f"there is no {name} with {labels}"
        return sum(found)

    def family(self, name):
        """The family of a sample's name: a histogram's samples end with more."""
        for suffix in SUFFIXES:
            if name.endswith(suffix) and name.removesuffix(suffix) in self.types:
                return name.removesuffix(suffix)
        return name

    def counters(self):
        """Every sample that must never fall."""
        return {(name, *sorted(labels.items())): value for name, labels, value in self.samples
                if self.types[self.family(name)] in ("counter", "histogram")}

    def requests(self):
        """{(method, route, status class): count} of those that are not 0."""
        return {(own["method"], own["route"], own["status_class"]): v for n, own, v in self.samples
                if n == "stratslabd_http_requests_total" and v > 0}


def scrape(daemon):
    answer = daemon.admin("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.text)


def fallen(before, after):
    """Counters of which the later scrape has less, or none."""
    later = after.counters()
    return {key: (value, later.get(key)) for key, value in before.counters().items() if later.get(key, -1) < value}
