"""A reload as an operator gives it, and what is true of every one that fails."""
from .daemon import run
from .wait import wait_until


def reload_wait(d, executable):
    """stratslabd reload --wait, as an operator types it: (exit status, what it said)."""
    done = run(executable.real, "reload", "--wait", timeout=60, admin_listen=f"127.0.0.1:{d.admin_port}")
    return done.returncode, done.stdout + done.stderr


def failed(d, executable, step, *words):
    """A reload that must fail at `step`, naming `words`, while the old code serves on with its own workers."""
    wait_until(lambda: [w["state"] for w in d.status()["workers"]].count("ready") >= 2, 15, "two workers")
    generation = d.status()["generation"]
    with d.load() as load:
        load.wait(20, wait_until)
        code, said = reload_wait(d, executable)
        load.wait(20, wait_until)
    assert code == 1, said
    told = d.status()
    print(f"\nreload fails in {told['reload']['step']}: {load.told()}; the old code serves on after"
          f" {told['reload']['duration_ms']} ms; {told['reload']['reason'].splitlines()[0][:100]}")
    assert (told["reload"]["state"], told["reload"]["step"]) == ("failed", step), told["reload"]
    for word in words:
        assert word in told["reload"]["reason"] and word in said, (word, told["reload"]["reason"], said)
    assert d.wait_log("reload failed")
    assert told["generation"] == generation
    assert set(load.fates) == {200}, load.fates


def mends(d, executable):
    """The next reload succeeds."""
    executable.restore()
    code, said = reload_wait(d, executable)
    assert code == 0, said
