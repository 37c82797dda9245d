"""Folders for whoever the programs run as: tmp_path is its owner's alone."""
import contextlib
import os
import shutil
import tempfile


@contextlib.contextmanager
def made(name, mode):
    """A new folder of that mode, which is gone afterwards with all that is in it."""
    path = tempfile.mkdtemp(prefix=f"stratslab-{name}.", dir="/tmp")
    os.chmod(path, mode)
    yield path
    shutil.rmtree(path, ignore_errors=True)
