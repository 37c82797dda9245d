"""What another process holds in its memory, for tests of what it must not."""
SHADOW = 1 << 30  # what is larger is a sanitizer's book of what is allocated


def memory(pid):
    """All that the process can read of itself."""
    held = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            first, last = (int(end, 16) for end in span.split("-"))
            if mode[0] != "r" or "[v" in line or last - first > SHADOW:
                continue
            try:
                mem.seek(first)
                held.append(mem.read(last - first))
            except (OSError, ValueError, OverflowError):
                continue
    return b"".join(held)


def holds(pid, secret):
    """In its memory, or in the environment that others see."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as environ:
            return secret in environ.read() or secret in memory(pid)
    except (FileNotFoundError, ProcessLookupError):
        return False  # it is gone
