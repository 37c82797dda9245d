"""A checkout that is nothing but its scripts, for tests of scripts/dev.sh."""
import contextlib
import os
import shutil
import subprocess

from .wait import SLOWNESS

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))


class Checkout:
    def __init__(self, folder, program=None):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        for folder in ("scripts", os.path.join("docker", "postgres")):
            shutil.copytree(os.path.join(TOP, folder), os.path.join(self.folder, folder), dirs_exist_ok=True)
        os.makedirs(os.path.join(self.folder, "sql"), exist_ok=True)
        shutil.copytree(os.path.join(TOP, "sql", "migrations"), os.path.join(self.folder, "sql", "migrations"), dirs_exist_ok=True)
        if program:
            os.makedirs(os.path.join(self.folder, "build"), exist_ok=True)
            shutil.copy2(program, os.path.join(self.folder, "build", "stratslabd"))

    def environment(self, **variables):
        ours = ("STRATSLAB", "DATABASE_URL", "MIGRATE_", "BACKTESTD", "POSTGRES_", "PG", "DEV_WATCH")
        return {**{k: v for k, v in os.environ.items() if not k.startswith(ours)}, **variables}

    def dev(self, *arguments, prefix=(), **variables):
        return subprocess.run([*prefix, os.path.join(self.folder, "scripts", "dev.sh"), *arguments], cwd="/", env=self.environment(**variables),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180 * SLOWNESS)

    def ask(self, statement):
        done = self.dev("psql", "-XAtq", "-c", statement)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def cluster(self):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.folder, ".dev", "cluster")) as f:
            return f.read().strip()  # root's, where the folder of the tests is closed to others
        return os.path.join(self.folder, ".dev", "postgres")

    def read(self, name):
        with contextlib.suppress(FileNotFoundError), open(os.path.join(self.cluster, "data", name)) as f:
            return f.read()
        return ""

    def write(self, name, text):
        """A file of the server's own."""
        path = os.path.join(self.cluster, "data", name)
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        with open(path, "w") as f:
            f.write(text)
        owner = os.stat(os.path.join(self.cluster, "data"))
        os.chmod(path, 0o600)
        os.chown(path, owner.st_uid, owner.st_gid)
