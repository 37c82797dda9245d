"""How the two programs are built: read from their files (elf(5)), so that no tool is needed."""
import re
import struct

import pytest

ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_FLAGS, DT_FLAGS_1, DT_TEXTREL, DT_RPATH, DT_RUNPATH = 30, 0x6FFFFFFB, 22, 15, 29
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
X86_64 = 62
ENDBR64 = b"\xf3\x0f\x1e\xfa"  # where an indirect jump may land


class Elf:
    """A 64-bit little-endian program."""

    def __init__(self, path):
        with open(path, "rb") as f:
            self.bytes = f.read()
        assert self.bytes[:6] == b"\x7fELF\x02\x01", path
        self.type, self.machine = struct.unpack_from("<HH", self.bytes, 16)
        (start,) = struct.unpack_from("<Q", self.bytes, 32)
        size, count = struct.unpack_from("<HH", self.bytes, 54)
        # (type, flags, offset, address, _, bytes in the file, …)
        self.segments = [struct.unpack_from("<IIQQQQQQ", self.bytes, start + i * size) for i in range(count)]

    def segment(self, kind):
        return next((s for s in self.segments if s[0] == kind), None)

    def dynamic(self):
        _, _, offset, _, _, size, _, _ = self.segment(PT_DYNAMIC)
        return dict(struct.iter_unpack("<QQ", self.bytes[offset:offset + size]))

    def code(self):
        return b"".join(self.bytes[s[2]:s[2] + s[5]] for s in self.segments if s[0] == PT_LOAD and s[1] & PF_X)


@pytest.fixture(params=["stratslabd", "backtestd"])
def elf(request):
    return Elf(request.getfixturevalue(request.param))


def test_the_program_is_hardened(elf):
    dynamic = elf.dynamic()
    assert elf.type == ET_DYN and dynamic.get(DT_FLAGS_1, 0) & DF_1_PIE, "it is loaded anywhere"
    assert elf.segment(PT_GNU_RELRO), "what the loader has written is read-only from then on"
    assert dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW, "and that is all of it"
    assert not elf.segment(PT_GNU_STACK)[1] & PF_X, "the stack is not run"
    assert not [s for s in elf.segments if s[0] == PT_LOAD and s[1] & PF_X and s[1] & PF_W], "nothing is both written and run"
    assert DT_TEXTREL not in dynamic and DT_RPATH not in dynamic and DT_RUNPATH not in dynamic
    assert b"__stack_chk_fail\0" in elf.bytes, "a stack that was written over is noticed"


def test_the_c_library_checks_lengths(elf):
    if b"__asan_init" in elf.bytes:
        pytest.skip("a sanitizer checks them itself")
    checked = set(re.findall(rb"\0(__\w+_chk)\0", elf.bytes)) - {b"__stack_chk"}
    print(f"\nchecked: {b' '.join(sorted(checked)).decode()}")
    assert {b"__memcpy_chk", b"__snprintf_chk"} <= checked


def test_jumps_land_where_they_may(elf):
    if elf.machine != X86_64:
        pytest.skip("only x86-64 has these marks")
    count = elf.code().count(ENDBR64)
    print(f"\n{count} marks")
    assert count > 500
