"""The checkout that the tests belong to, and copies of it."""
import os
import shutil
import subprocess

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def copy_checkout(folder):
    """The project's own files, with their times, and nothing that builds have left."""
    listed = subprocess.run([os.path.join(TOP, "tests", "lint", "files"), "*"], capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        target = os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(TOP, name), target)
    for name in (".dockerignore", ".env.docker.example", ".gitignore", "docs-ui/.npmrc",
                 "web-ui/.npmrc"):  # dot files, which an unpacked archive's list leaves out
        if os.path.exists(os.path.join(TOP, name)):
            shutil.copy2(os.path.join(TOP, name), os.path.join(folder, name))
    os.chmod(folder, 0o755)  # the container's user reads it
    return folder
