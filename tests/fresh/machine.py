"""A fresh machine as this one sees it: its bare root, its namespaces, its way to the network."""
import contextlib
import json
import os
import select
import subprocess
import sys
import time

from runner import Tally, say
from runner.debian import TRUST_OPTION, Failure, bootstrap, install, machine_mtu, mirror, run as run_here

HERE = os.path.dirname(os.path.realpath(__file__))
RELEASES = {"12": "bookworm", "13": "trixie"}
# What a kind of user has beside ca-certificates.
ADDITIONS = {"root": (), "sudo": ("sudo", "python3-pytest", "python3-psycopg")}
PACKAGES = ["mmdebstrap", "slirp4netns", "iproute2"]
NETWORK_SECONDS = 30
END_SECONDS = 30
# All that starts in there ends when its first process ends, and that when we do.
APART = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--kill-child", "--pid", "--mount", "--mount-proc"]


def prepare_host():
    """Raises Failure where this machine cannot hold another."""
    if os.geteuid() != 0:
        raise Failure("only root can make them")
    install(PACKAGES)
    run_here(*APART, "--net", "--ipc", "--uts", "true")
    if not os.path.exists("/dev/net/tun"):
        raise Failure("there is no /dev/net/tun, which their network takes")


def make_root(release, user, scratch):
    """The bare root as a tar."""
    tar = os.path.join(scratch, "root.tar")
    packages = ",".join(("ca-certificates", *ADDITIONS[user]))
    bootstrap(RELEASES[release], tar, "--dpkgopt=force-unsafe-io", f"--include={packages}", TRUST_OPTION,
              under=APART, env={**os.environ, "TMPDIR": scratch})
    return tar


def has_own_network(pid):
    return os.stat(f"/proc/{pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino


@contextlib.contextmanager
def network(pid, log):
    """A way out for the network namespace of a process. slirp4netns changes nothing on this machine, and gives no IPv6."""
    deadline = time.monotonic() + NETWORK_SECONDS
    while not has_own_network(pid):
        if time.monotonic() > deadline:
            raise Failure("the namespaces did not come up")
        time.sleep(0.02)
    ready, say_ready = os.pipe()
    until, hold = os.pipe()  # it ends when nobody holds this pipe any more
    try:
        with open(log, "wb") as out:
            slirp = subprocess.Popen(["slirp4netns", "--configure", f"--mtu={machine_mtu()}", "--disable-host-loopback",
                                      f"--ready-fd={say_ready}", f"--exit-fd={until}", str(pid), "tap0"],
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=(say_ready, until), start_new_session=True)
        os.close(say_ready)
        try:
            if not (select.select([ready], [], [], NETWORK_SECONDS)[0] and os.read(ready, 1)):
                with open(log) as words:
                    raise Failure(f"slirp4netns gave no network: {words.read()[-500:]}")
            yield
        finally:
            slirp.kill()
            slirp.wait()
    finally:
        for descriptor in (ready, until, hold):
            os.close(descriptor)


def end(process):
    """Ends all that runs in there, and waits until it is gone."""
    first = []
    if process.poll() is None:
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/task/{process.pid}/children") as f:
            first = [os.pidfd_open(int(pid)) for pid in f.read().split()]
        process.kill()
        process.wait()
    for descriptor in first:  # the first process is gone when all others are
        select.select([descriptor], [], [], END_SECONDS)
        os.close(descriptor)


def run(release, user, steps, scratch, logs):
    """Makes the machine, takes the steps in it, and ends it. Returns the Tally of its checks."""
    began = time.monotonic()
    tar = make_root(release, user, scratch)
    say(f"{release}/{user}: made a bare {RELEASES[release]} ({time.monotonic() - began:.0f} s)")
    result = os.path.join(scratch, "result")
    root = os.path.join(scratch, "root")
    os.makedirs(root, exist_ok=True)
    # A shell is the first process, for it collects what others leave to it.
    command = [*APART, "--net", "--ipc", "--uts", "sh", "-c", '"$@"; exit $?', "fresh", sys.executable, os.path.join(HERE, "inside"),
               json.dumps({"release": release, "user": user, "steps": steps, "tar": tar, "root": root, "logs": logs, "result": result,
                           "mirror": f"{mirror().rstrip('/')}/dists/{RELEASES[release]}/InRelease"})]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        with network(process.pid, os.path.join(scratch, "slirp4netns")):
            process.wait()
    finally:
        end(process)
    try:
        with open(result) as f:
            return Tally(*json.load(f))
    except (OSError, ValueError):
        raise Failure(f"the machine ended with {process.returncode} before its checks did") from None
    finally:
        for path in (tar, result):
            with contextlib.suppress(OSError):
                os.remove(path)
