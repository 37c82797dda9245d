"""Ids: UUIDs of version 7 whose order is that of their making, made within the statement that stores them."""
import uuid

import pytest

INLINED = "20261126180000"
BEFORE = "20261126120100"  # the last schema whose ids a query of its own made
MADE = 5000
CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
ROWS = f"SELECT {CLOCK}, uuid_v7(), {CLOCK} FROM generate_series(1, {MADE})"
INSERT = "INSERT INTO strategies (name, kind) VALUES (%s, 'other') RETURNING id"


def ok(command, *arguments):
    done = command(*arguments)
    assert done.returncode == 0, done.stderr


def first_bits(microseconds):
    """RFC 9562: 48 bits of milliseconds, the version, 12 bits of the rest."""
    milliseconds, rest = divmod(microseconds, 1000)
    return milliseconds << 16 | 7 << 12 | rest * 4096 // 1000


def check(rows):
    for before, made, after in rows:
        assert made.version == 7 and made.variant == uuid.RFC_4122, made
        if before <= after:  # nobody has set the clock back meanwhile
            assert first_bits(before) <= made.int >> 64 <= first_bits(after), (before, made, after)
    assert len({made for _, made, _ in rows}) == MADE
    assert len({made.int & (1 << 62) - 1 for _, made, _ in rows}) == MADE, "62 bits are random"


@pytest.mark.parametrize("version", (BEFORE, None), ids=("before", "now"))
def test_bits_are_the_time_and_then_random(command, database, version):
    ok(command, "migrate", "up", *(("--to", version) if version else ()))
    with database.connect() as db:
        check(db.execute(ROWS).fetchall())


def test_a_row_s_id_is_part_of_its_statement(command, database):
    """Also for the API's role: a function that it may not call would not be inlined."""
    ok(command, "migrate", "up")
    with database.connect(user=database.api_role, password=database.api_password) as api:
        plan = "\n".join(line for line, in api.execute("EXPLAIN (VERBOSE) INSERT INTO strategies (name, kind) VALUES ('a', 'b')"))
    assert "clock_timestamp()" in plan and "uuid_v7" not in plan, plan


def test_ids_go_on_in_order_after_up_and_down(command, database):
    ok(command, "migrate", "up", "--to", BEFORE)
    with database.connect() as db:
        made = [db.execute(INSERT, ["old"]).fetchone()[0]]
        ok(command, "migrate", "up", "--to", INLINED)
        made.append(db.execute(INSERT, ["new"]).fetchone()[0])
        ok(command, "migrate", "down", "--yes")
        made.append(db.execute(INSERT, ["back"]).fetchone()[0])
        check(db.execute(ROWS).fetchall())
        rights, = db.execute("SELECT has_function_privilege(%s, 'uuid_v7()', 'EXECUTE')", [database.api_role]).fetchone()
    assert made == sorted(made) and rights
