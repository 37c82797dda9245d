"""A machine in a container: Debian with systemd as process 1."""
import contextlib
import glob
import os
import secrets

from .stack import docker, environment, wait_until

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "machine")
IMAGE = "stratslab-machine:test"


class Machine:
    """`with Machine() as machine: machine.run("systemctl", "start", "x")`"""

    def __init__(self):
        self.name = f"stratslab-machine-{secrets.token_hex(4)}"

    def __enter__(self):
        if os.environ.get("STRATSLAB_TEST_IMAGES") != "kept" or docker("image", "inspect", IMAGE, check=False).returncode != 0:
            docker("build", "-t", IMAGE, FOLDER, env=environment(DOCKER_BUILDKIT=0), timeout=900)
        # Not --privileged: the kernel's knobs and the host's devices stay out of its reach. SYS_PTRACE is for units with ProtectProc= and
        # PrivateUsers=, where systemd looks into the /proc of a process of its own.
        docker("run", "-d", "--name", self.name, "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined",
               "--security-opt", "apparmor=unconfined", "--cgroupns=private", "--tmpfs", "/run", "--tmpfs", "/run/lock",
               "-e", f"MACHINE={self.name}", IMAGE)
        try:
            wait_until(self._is_up, 120, "systemd to have started")
        except AssertionError as e:
            said = docker("logs", self.name, check=False)
            self.__exit__()
            raise AssertionError(f"{e}: {said.stdout}{said.stderr}") from None
        return self

    def _is_up(self):
        said = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return said in ("running", "degraded")  # what needs a kernel of its own is down

    def __exit__(self, *_):
        docker("rm", "-f", self.name, check=False)
        for place in (f"/sys/fs/cgroup/unified/{self.name}", f"/sys/fs/cgroup/unified/docker/*/{self.name}"):
            for branch in glob.glob(place):
                for folder, _, _ in os.walk(branch, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)

    def run(self, *command, check=True, **options):
        return docker("exec", self.name, *command, check=check, **options)

    def sh(self, script, check=True, **options):
        return self.run("sh", "-c", script, check=check, **options)

    def show(self, name, unit="stratslabd"):
        return self.run("systemctl", "show", "-p", name, "--value", unit).stdout.strip()

    def write(self, path, text, mode="644"):
        """A file whose group is the service's where it has one."""
        docker("exec", "-i", self.name, "sh", "-c", f"cat >'{path}' && chmod {mode} '{path}'", input=text)
