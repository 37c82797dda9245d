"""Programs in namespaces of their own."""
import os
import shutil
import subprocess

import pytest

ENTER = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]  # what nsenter needs to get into what unshare() made


def unshare(*options):
    """The command for a program in namespaces of its own; a skip where the system does not let us."""
    command = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), *options]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip(f"{' '.join(command)} is not possible here")
    return command
