"""The fixtures of the black-box tests (daemon, stratslabd and what they need) are these tests' too."""
import importlib.util
import os
import sys

BLACKBOX = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "blackbox"))
sys.path.insert(0, BLACKBOX)
spec = importlib.util.spec_from_file_location("blackbox_fixtures", os.path.join(BLACKBOX, "conftest.py"))
fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixtures)
stratslabd, backtestd, kind, program = fixtures.stratslabd, fixtures.backtestd, fixtures.kind, fixtures.program
database, database_settings, start_daemon = fixtures.database, fixtures.database_settings, fixtures.start_daemon
daemon = fixtures.daemon
