"""Tests of what both daemons share: @BOTH runs one for each of them. The fixtures `kind`, `program`, `start_daemon` and `daemon` follow."""
import pytest

from .daemon import Backtestd, Daemon

BOTH = pytest.mark.parametrize("kind", [Daemon, Backtestd], ids=lambda kind: kind.name, indirect=True)
