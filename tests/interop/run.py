"""Runs the interop tests: python3 tests/interop/run.py PROGRAM [NAME...]

PROGRAM is the tuntcp to test; a NAME is a part of the name of the tests to run. As root the tests
run in a network namespace of their own, which ends with them; without root or /dev/net/tun they
are skipped. TUNTCP_LONG=1 makes transfers and waits as long as they can be.

Says what became of each case, and leaves it in the file that GTEST_OUTPUT=json:FILE names, in the
form of GoogleTest.
"""

import json
import os
import sys
import time
import unittest

FOLDER = os.path.dirname(os.path.abspath(__file__))
IN_NAMESPACE = "TUNTCP_INTEROP_NAMESPACE"


class Report(unittest.TestResult):
    """Prints and records each case as it ends: what ended before a time-out is not lost."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.suites = {}
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def note(self, test, outcome, text=""):
        if isinstance(test, unittest.TestCase):
            suite, name = type(test).__name__, test._testMethodName
        else:
            suite, name = str(test).split("(")[-1].rstrip(")").split(".")[-1], str(test).split()[0]
        seconds = time.monotonic() - self.began if self.began else 0.0
        case = {"name": name, "status": "RUN", "time": f"{seconds:.3f}s",
                "result": "SKIPPED" if outcome == "skipped" else "COMPLETED"}
        if outcome == "failed":
            case["failures"] = [{"failure": text, "type": ""}]
        self.suites.setdefault(suite, []).append(case)
        told = {"passed": "ok", "failed": "not ok", "skipped": "ok"}[outcome]
        suffix = f" # SKIP {text}" if outcome == "skipped" else ""
        print(f"{told} {suite}.{name} ({seconds:.1f} s){suffix}", flush=True)
        if outcome == "failed":
            print("  " + text.replace("\n", "\n  "), flush=True)
        self.write()

    def write(self):
        if self.path:
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            report = {"name": "interop",
                      "testsuites": [{"name": suite, "testsuite": cases}
                                     for suite, cases in self.suites.items()]}
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(report, file, indent=1)

    def addSuccess(self, test):
        self.note(test, "passed")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "failed", self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failed", self.failures[-1][1])

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)


def why_not():
    """Why the tests cannot run here, or nothing."""
    if os.geteuid() != 0:
        return "needs root, to make a network namespace"
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        return f"needs /dev/net/tun: {error.strerror}"
    return ""


def all_cases(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from all_cases(test)
        else:
            yield test


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py PROGRAM [NAME...]")
    reason = why_not()
    if not reason and IN_NAMESPACE not in os.environ:
        os.environ[IN_NAMESPACE] = "1"
        # The namespace of processes ends whatever a run that was killed would leave behind.
        os.execvp("unshare", ["unshare", "--net", "--pid", "--fork", "--kill-child",
                              "--mount-proc", sys.executable, "-B", *sys.argv])
    os.environ["TUNTCP_PROGRAM"] = os.path.abspath(sys.argv[1])

    suite = unittest.defaultTestLoader.discover(FOLDER, pattern="*_test.py")
    names = sys.argv[2:]
    chosen = unittest.TestSuite(test for test in all_cases(suite)
                                if not names or any(name in test.id() for name in names))
    kind, _, path = os.environ.get("GTEST_OUTPUT", "").partition(":")
    report = Report(os.path.abspath(path) if kind == "json" else "")
    if reason:
        for test in chosen:
            report.addSkip(test, reason)
    else:
        os.system("ip link set lo up")
        chosen.run(report)
    if not report.suites:
        sys.exit("no test has such a name")
    sys.exit(0 if report.wasSuccessful() else 1)


main()
