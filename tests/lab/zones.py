#!/usr/bin/env python3
"""Prints src/candles/zones.c, made from the machine's IANA database. tests/unit/candles compares it with that one,
if it is of the same version: laws of the past are found to have been otherwise now and then."""
import struct
import sys

ZONES = "/usr/share/zoneinfo/"
NAMES = """
Africa/Cairo Africa/Johannesburg Africa/Lagos Africa/Nairobi
America/Argentina/Buenos_Aires America/Bogota America/Chicago America/Denver America/Halifax America/Lima
America/Los_Angeles America/Mexico_City America/New_York America/Santiago America/Sao_Paulo America/Toronto
Asia/Bangkok Asia/Dubai Asia/Ho_Chi_Minh Asia/Hong_Kong Asia/Jakarta Asia/Jerusalem Asia/Karachi Asia/Kolkata
Asia/Kuala_Lumpur Asia/Manila Asia/Riyadh Asia/Seoul Asia/Shanghai Asia/Singapore Asia/Taipei Asia/Tokyo
Australia/Brisbane Australia/Melbourne Australia/Perth Australia/Sydney
Europe/Amsterdam Europe/Athens Europe/Berlin Europe/Brussels Europe/Bucharest Europe/Budapest Europe/Copenhagen
Europe/Dublin Europe/Helsinki Europe/Istanbul Europe/Kyiv Europe/Lisbon Europe/London Europe/Madrid Europe/Moscow
Europe/Oslo Europe/Paris Europe/Prague Europe/Rome Europe/Stockholm Europe/Vienna Europe/Warsaw Europe/Zurich
Pacific/Auckland
""".split()
HEAD = """/*
 * Time zones of exchanges, from 1970 on, as the IANA database {version} has them. Made by tests/lab/zones.py; not written
 * by hand. A change is its minute since 1970 and the minutes east of UTC from then on. Those that the tail, a rule as
 * in TZ of POSIX, tells by itself are left out.
 */
#include "candles/zones.h"

#include "base/attr.h"

/* clang-format off */"""


def read(name):
    """The changes (moment, offset) of a file, and its tail."""
    with open(ZONES + name, "rb") as f:
        data = f.read()
    counts = lambda at: struct.unpack(">6l", data[at + 20:at + 44])
    size = lambda c, t: c[3] * (t + 1) + c[4] * 6 + c[5] + c[2] * (t + 4) + c[1] + c[0]
    at = 44 + size(counts(0), 4)
    c = counts(at)
    at += 44
    times = struct.unpack(f">{c[3]}q", data[at:at + 8 * c[3]])
    kinds = data[at + 8 * c[3]:at + 9 * c[3]]
    offsets = [struct.unpack(">l", data[at + 9 * c[3] + 6 * i:at + 9 * c[3] + 6 * i + 4])[0] for i in range(c[4])]
    tail = data[at + size(c, 8):].strip().decode()
    return [(t, offsets[k]) for t, k in zip(times, kinds)], offsets[0], tail


def trimmed(name):
    """The offset at 1970 and the changes since then, without those that change nothing."""
    changes, offset, tail = read(name)
    kept = []
    for moment, after in changes:
        if moment > 0 and after != offset:
            assert moment % 900 == 0 and after % 60 == 0, name
            kept.append((moment, after))
        offset = after
        if moment <= 0:
            first = after
    return first, kept, tail


def of_tail(tail):
    """Offsets by the tail alone, as Python reads it."""
    import io
    import zoneinfo
    from datetime import datetime, timezone
    block = struct.pack(">4sc15s6l", b"TZif", b"2", bytes(15), 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"LMT\0"
    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(block + block + b"\n" + tail.encode() + b"\n"))
    return lambda s: int(datetime.fromtimestamp(s, timezone.utc).astimezone(zone).utcoffset().total_seconds())




def main():
    with open(ZONES + "tzdata.zi", encoding="utf-8") as f:
        version = f.readline().split()[-1]
    print(HEAD.format(version=version))
    rows, tables = [], {}
    for name in NAMES:
        first, changes, tail = trimmed(name)
        keep = len(changes)
        at = of_tail(tail)
        # A change is left out if the tail has it, and all after it.
        while keep > 0 and at(changes[keep - 1][0]) == changes[keep - 1][1]:
            before = changes[keep - 2][1] if keep > 1 else first
            begin = changes[keep - 2][0] if keep > 1 else 0
            if any(at(s) != before for s in (*range(begin, changes[keep - 1][0], 21600), changes[keep - 1][0] - 900)):
                break
            keep -= 1
        changes = tuple(changes[:keep])
        label = "NULL"
        if changes and changes not in tables:
            tables[changes] = "zone_" + name.split("/")[-1].lower()
            print(f"static const struct zones_change {tables[changes]}[] = {{")
            line = "   "
            for moment, after in changes:
                cell = f" {{{moment // 60}, {after // 60}}},"
                if len(line) + len(cell) > 120:
                    print(line)
                    line = "   "
                line += cell
            print(line + "\n};\n")
        if changes:
            label = tables[changes]
        rows.append((name, tail, first // 60, label))
    print("const struct zones_zone zones_table[] = {")
    for name, tail, first, label in rows:
        count = f"countof({label})" if label != "NULL" else "0"
        print(f'    {{"{name}", "{tail}", {first}, {label}, {count}}},')
    print("};\n/* clang-format on */\nconst size_t zones_count = countof(zones_table);")
    print(f'const char zones_version[] = "{version}";')


if __name__ == "__main__":
    main()
