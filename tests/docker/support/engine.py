"""A Docker engine for the tests: the one that answers already, or a private one that is gone afterwards."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

from runner.debian import Failure, install, machine_mtu

START_SECONDS = 60
STOP_SECONDS = 60
PACKAGES = ["docker.io", "iptables", "docker-compose", "mmdebstrap"]


def answers():
    with contextlib.suppress(OSError):
        return subprocess.run(["docker", "version"], capture_output=True).returncode == 0
    return False


class Private:
    """dockerd with folders and a socket of its own, ended by its process number."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="stratslab-engine.", dir="/var/tmp")
        self.host = f"unix://{self.folder}/socket"
        self.process = None

    def __enter__(self):
        command = ["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/run",
                   "--pidfile", f"{self.folder}/pid", "--host", self.host, "--mtu", str(machine_mtu())]
        with open(f"{self.folder}/log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        os.environ["DOCKER_HOST"] = self.host
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(f"{self.folder}/log") as log:
                    words = log.read()[-1500:]
                self.__exit__()
                raise Failure(f"dockerd does not run here:\n{words}")
            time.sleep(0.2)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            listing = subprocess.run(["docker", "ps", "-q"], capture_output=True, text=True).stdout.split()
            if listing:
                subprocess.run(["docker", "kill", *listing], capture_output=True)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def engine():
    """Yields a line that says which engine it is."""
    if answers():
        yield "the engine that runs here"
        return
    if "DOCKER_HOST" in os.environ:
        raise Failure(f"no engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}")
    install(PACKAGES)
    if answers():  # the package has started it
        yield "the engine that runs here"
        return
    if os.geteuid() != 0:
        raise Failure("no Docker engine answers, and only root can start one")
    with Private() as private:
        yield f"a private engine in {private.folder}"
