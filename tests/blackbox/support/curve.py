"""The curve of a backtest's equity in pieces, as src/engine/curve.h describes them: written a second time, for the tests."""
import base64
import itertools
import math
import struct

PIECE, GROUP = 2048, 16


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes([*out, number])


def signed(number):
    return varint(2 * number if number >= 0 else -2 * number - 1)


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def around(number):
    """The same 64 bits as a signed number."""
    number %= 1 << 64
    return number - (1 << 64) if number >= 1 << 63 else number


def pack(points):
    """Of (milliseconds, equity) pairs."""
    steps = [after[0] - before[0] for before, after in itertools.pairwise(points)]
    unit = math.gcd(*steps) if steps else 0
    out = b"\x01" + varint(len(points) - 1) + signed(points[0][0]) + varint(unit)
    for step, run in itertools.groupby(steps):
        again = len(list(run)) - 1
        out += varint(step // unit * 2 + (again > 0)) + (varint(again) if again else b"")
    before = 0
    values = [bits(equity) for _, equity in points]
    while values:
        value = values.pop(0)
        out += signed(around(value - before))
        if value == before:
            same = len(list(itertools.takewhile(lambda other, value=value: other == value, values)))
            out += varint(same)
            del values[:same]
        before = value
    return out


def above(points):
    """The next level."""
    middle = []
    for at in range(1, len(points) - 1, GROUP):
        group = points[at:min(at + GROUP, len(points) - 1)]
        low, high = min(group, key=lambda p: p[1]), max(group, key=lambda p: p[1])
        middle += sorted({low, high})
    return [points[0], *middle, points[-1]]


def pieces(points):
    """The members `equity` of a result."""
    out, level = [], 0
    while level == 0 or len(points) > PIECE:
        for piece, at in enumerate(range(0, len(points), PIECE)):
            part = points[at:at + PIECE]
            out.append({"level": level, "piece": piece, "points": len(part), "packed": base64.b64encode(pack(part)).decode()})
        if len(points) <= PIECE:
            break
        points, level = above(points), level + 1
    return out
