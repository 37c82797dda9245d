"""Random requests for backtests: each is taken or refused as the description of the interface says, every wrong place is
named, and none is a fault of the server. STRATSLAB_TEST_SEED gives another run."""
import json
import re
import uuid
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from test_properties import PATH as STRATEGIES
from test_properties import SEED, UUID, Maker

PATH = "/api/v1/backtests"
TIMEFRAMES = ("1m", "5m", "15m", "1h", "4h", "1d")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?(?:[Zz]|([+-])(\d\d):(\d\d))")
DAY_US = 86400 * 10**6
END_US = ((datetime(9999, 12, 31) - datetime(1, 1, 1)).days + 1) * DAY_US  # the year 10000
GOOD_TIMES = ("2024-01-01T00:00:00Z", "2024-02-29T23:59:59.123456789+05:30", "2025-01-01t00:00:00z", "0001-01-01T00:00:00Z",
              "9999-12-31T23:59:59Z", "2024-01-01T00:00:00.0000001Z", "2024-01-01T00:00:00.000001Z")
ODD_TIMES = ("2023-02-29T00:00:00Z", "0001-01-01T00:00:00+15:00", "9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.9999999Z",
             "2024-01-01", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "2024-01-01T00:00:60Z", "2024-01-01 00:00:00Z",
             "2024-01-01T00:00:00+16:00", "0000-01-01T00:00:00Z", "infinity", "now", "", None, Decimal(0))


def microseconds(text):
    """Since the year 1, as PostgreSQL rounds; None where it is no time."""
    found = TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    hours, minutes = int(found[9] or 0), int(found[10] or 0)
    try:
        passed = datetime(*map(int, found.groups()[:6])) - datetime(1, 1, 1)
    except ValueError:
        return None
    if hours > 15 or minutes > 59:
        return None
    offset = (hours * 60 + minutes) * (-1 if found[8] == "+" else 1)
    fraction = (Decimal(found[7] or 0) * 10**6).to_integral_value(ROUND_HALF_EVEN)
    return passed.days * DAY_US + (passed.seconds + offset * 60) * 10**6 + int(fraction)


def is_capital(value):
    if isinstance(value, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None and 0 < float(value) < float("inf")
    return isinstance(value, Decimal) and value > 0


def is_version(value):
    return isinstance(value, Decimal) and re.fullmatch(r"-?\d+", str(value)) is not None and 1 <= int(value) < 1 << 63


RULES = {
    "strategy_id": lambda v: isinstance(v, str) and UUID.fullmatch(v),
    "symbol": lambda v: isinstance(v, str) and 1 <= len(v) <= 32,
    "timeframe": lambda v: v in TIMEFRAMES,
    "start": lambda v: microseconds(v) is not None,
    "end": lambda v: microseconds(v) is not None,
    "initial_capital": is_capital,
    "strategy_version": is_version,
}


def faults(body, key):
    """What is wrong with a request by itself."""
    wrong = {f"/{name}" for name in body.keys() - RULES.keys()}
    for name, fits in RULES.items():
        if name in body and (body[name] is None or not fits(body[name])) or (name not in body and name != "strategy_version"):
            wrong.add(f"/{name}")
    if key is not None and not re.fullmatch("[!-~]{1,255}", key):
        wrong.add("header:Idempotency-Key")
    return wrong


def refusals(body, versions):
    """What the state of things, or the span, has against it."""
    strategy = body["strategy_id"].lower()
    if strategy not in versions:
        return {"/strategy_id"}
    if int(body.get("strategy_version", 1)) > versions[strategy]:
        return {"/strategy_version"}
    start, end = microseconds(body["start"]), microseconds(body["end"])
    return ({"/start"} if start < 0 else set()) | ({"/end"} if end >= END_US or start >= end else set())


class Choices:
    def __init__(self, seed, ids):
        self.make = Maker(seed)
        known, archived, other = ids
        self.members = {
            "strategy_id": ((known, known, known.upper(), other), (archived, str(uuid.uuid4()), "17", "", None, Decimal(3))),
            "symbol": (("BTCUSD", "é", "x" * 32, "\U0001f600" * 32, "a\n"), ("", "x" * 33, None, Decimal(1))),
            "timeframe": (TIMEFRAMES, ("2m", "1D", "", None)),
            "start": (GOOD_TIMES, ODD_TIMES),
            "end": (GOOD_TIMES, ODD_TIMES),
            "initial_capital": (
                (Decimal(1), Decimal("1e5"), Decimal("0.01"), "10000.00", "1" * 300, Decimal("4.9e-324"), f"0.{'0' * 300}1"),
                (Decimal(0), Decimal(-1), "0", "-1", "1e5", "NaN", "Infinity", "", ".5", "5.", "+1", "9" * 400, "1 ", True, None)),
        }
        self.versions = (Decimal(1), Decimal(1), Decimal(2), Decimal(3), Decimal(0), Decimal("1.5"), None, "1", Decimal(2**63 - 1),
                         Decimal(2**63))
        self.keys = ("k1", "k2", "x" * 255, "x" * 256, "a b", "", "\xe9")

    def request(self):
        r, body = self.make.r, {}
        for name, (good, odd) in self.members.items():
            if not self.make.chance(0.02):
                body[name] = r.choice(odd if self.make.chance(0.05) else good)
        if self.make.chance(0.3):
            body["strategy_version"] = r.choice(self.versions)
        if self.make.chance(0.03):
            body[r.choice(("id", "status", "colour"))] = "x"
        return body, r.choice(self.keys) if self.make.chance(0.2) else None


@pytest.mark.parametrize("part", range(2))
def test_random_backtests_are_taken_or_refused_as_they_should(daemon, part):
    d = daemon()
    with d.client() as client:
        made = [client.request("POST", STRATEGIES, {"name": f"s{i}", "kind": "k"}).json()["id"] for i in range(3)]
        client.request("PATCH", f"{STRATEGIES}/{made[0]}", {"description": "the second version"})
        client.request("PATCH", f"{STRATEGIES}/{made[1]}", {"status": "archived"})
        choices = Choices(SEED + part, made)
        taken = 0
        for _ in range(400):
            body, key = choices.request()
            headers = {"Content-Type": "application/json", **({} if key is None else {"Idempotency-Key": key})}
            answer = client.request("POST", PATH, choices.make.spell(body).encode(), headers)
            told = (body, key, answer.status, answer.body)
            found = {error["pointer"] for error in answer.json().get("errors", [])} if answer.status >= 400 else set()
            wrong = faults(body, key)
            if wrong:
                assert (answer.status, found) == (422, wrong), told
            elif key is not None and answer.status == 422 and answer.json()["code"] == "idempotency_key_reused":
                assert found == {"header:Idempotency-Key"}, told
            elif body["strategy_id"] == made[1]:
                assert (answer.status, found) == (409, {"/strategy_id"}), told
            elif refused := refusals(body, {made[0]: 2, made[2]: 1}):
                assert answer.status == 422 and found and found <= refused, told
            else:
                assert answer.status == 202, told
                taken += 1
                item = json.loads(answer.body, parse_float=Decimal, parse_int=Decimal)
                assert item["initial_capital"] == Decimal(body["initial_capital"]) and item["symbol"] == body["symbol"], told
                assert client.request("GET", answer.headers["Location"]).status == 200
        assert taken > 50
    assert not re.search(r"level=(?:error|warning) ", d.log()), d.log()[-3000:]
