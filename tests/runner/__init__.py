"""What the scripts that run suites share: the interpreter, a run of pytest, and its totals."""
import os
import subprocess
import sys
import xml.etree.ElementTree

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
AGAIN_MAX = 3
SKIPPED = 77  # the exit status of a suite or a lint that cannot run here; automake's own number for it


class Tally:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def say(text):
    print(text, flush=True)


def settle():
    """Goes on under the interpreter that tests/python names, if this is another one. Ends with 1 if that one lacks a module."""
    rule = os.path.join(TESTS, "python")
    named = subprocess.run([rule], stdout=subprocess.PIPE, text=True)
    python = named.stdout.strip()
    if named.returncode != 0:
        sys.exit(1)
    # Asked by its own name for itself: a virtual environment's is a link to the system's and yet another.
    itself = subprocess.run([python, "-c", "import sys; print(sys.executable)"], stdout=subprocess.PIPE, text=True).stdout.strip()
    if itself != sys.executable:
        os.execv(python, [python, *sys.argv])
    lacks = subprocess.run([rule, "lacks"], stdout=subprocess.PIPE, text=True).stdout.split()
    if lacks:
        sys.exit(f"{os.path.basename(sys.argv[0])}: {python} has no {', '.join(lacks)}. On Debian, apt install "
                 f"{' '.join('python3-' + name for name in lacks)}; elsewhere, PYTHON=… names an interpreter that has all of them.")


def read_junit(path):
    """The tests of a JUnit report. One that passed and then failed in its teardown has two entries, and failed."""
    worst = {}
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = (case.get("classname"), case.get("name"))
        kinds = {child.tag for child in case}
        rank = 2 if kinds & {"failure", "error"} else 1 if "skipped" in kinds else 0
        worst[name] = max(rank, worst.get(name, 0))
    ranks = list(worst.values())
    return Tally(*(ranks.count(rank) for rank in (0, 2, 1)))


def may_run_again(tally):
    """Whether what failed is run once more, alone: with STRATSLAB_TEST_AGAIN=yes, as CI has it, and if it is little. What passes then
    is told as UNSTEADY, and counts as passed: a machine that was busy stops nobody, and what is not steady is seen all the same."""
    return os.environ.get("STRATSLAB_TEST_AGAIN") == "yes" and 0 < tally.failed <= AGAIN_MAX


def run_pytest(name, folder, scratch, arguments, env, beside=(), cwd=None):
    """Runs the tests of a folder under this interpreter, with the progress told line by line under `name`; `beside` is what the
    command is run by. Returns the Tally; a run that ended otherwise than its tests, or had none, has failed."""
    failed = os.path.join(scratch, "failed")
    env = {**env, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", "STRATSLAB_TEST_SUITE": name, "STRATSLAB_TEST_FAILED": failed,
           "PYTHONPATH": os.pathsep.join([TESTS, *env.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(os.pathsep)}

    def run(turn, arguments):
        report = os.path.join(scratch, f"{turn}.xml")
        command = [*beside, sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "runner.progress",
                   "-o", "console_output_style=classic", f"--junitxml={report}", f"--rootdir={folder}",
                   f"--basetemp={os.path.join(scratch, turn)}", *arguments]
        status = subprocess.run(command, cwd=cwd or scratch, env=env, stdin=subprocess.DEVNULL).returncode
        tally = read_junit(report) if os.path.exists(report) else Tally()
        if tally.failed == 0 and (status != 0 or tally.total == 0):
            say(f"{name}: FAILED: pytest ended with {status} after {tally.total} tests")
            tally.failed = 1
        return tally

    tally = run("tests", arguments)
    if not may_run_again(tally) or not os.path.exists(failed):
        return tally
    with open(failed, encoding="utf-8") as f:
        names = f.read().splitlines()
    say(f"{name}: {len(names)} failed, and are run once more, alone")
    again = run("again", ["-p", "no:xdist", *(os.path.join(folder, test) for test in names)])
    if again.failed or again.passed != tally.failed:
        return tally
    for test in names:
        say(f"{name}: UNSTEADY {test}: it failed beside others, and passed alone")
    return Tally(tally.passed + again.passed, 0, tally.skipped)
