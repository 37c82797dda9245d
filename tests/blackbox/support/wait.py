"""Bounded waiting: nothing here sleeps in the hope that something has happened meanwhile."""
import os
import time

# A build with sanitizers, or one under valgrind, is slower by this factor; every deadline of the tests is stretched by
# it.
SLOWNESS = float(os.environ.get("STRATSLAB_TEST_SLOWNESS", "1"))


def wait_until(predicate, timeout, what, interval=0.02):
    """The first true value of predicate(); AssertionError naming `what` if there is none within `timeout` seconds."""
    deadline = time.monotonic() + timeout * SLOWNESS
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout * SLOWNESS:g} s in vain for {what}")
        time.sleep(interval)
