"""Counts what ctest ran, case by case: count_tests.py JUNIT_FILE RESULTS_FOLDER.

A GoogleTest program says what became of its cases in RESULTS_FOLDER/<ctest name>.json; any other
test in the lines "ok ..." and "not ok ..." of its output (TAP; "# SKIP reason" at the end of a line
marks a case that was skipped), and where there are none it is one case by itself. A test that ctest
calls failed although none of its cases is (it crashed, hung or leaked) adds one failure.

Prints "passed failed skipped" as numbers, and to standard error one line for each case that failed
or was skipped.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

TAP_LINE = re.compile(r"^(not )?ok\b[ \d-]*(.*)$", re.MULTILINE)
TAP_SKIP = re.compile(r"#\s*skip\b", re.IGNORECASE)


def gtest_cases(report):
    """(name, outcome) of each case of a GoogleTest report."""
    for suite in report["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                yield name, "failed"
            elif case["status"] == "RUN" and case["result"] != "SKIPPED":
                yield name, "passed"
            elif case["status"] == "RUN" or "DISABLED_" in name:
                yield name, "skipped"


def tap_cases(output):
    """(name, outcome) of each case that a test's output speaks of."""
    for failed, name in TAP_LINE.findall(output):
        if TAP_SKIP.search(name):
            yield name, "skipped"
        else:
            yield name, "failed" if failed else "passed"


def cases(test, folder):
    """(name, outcome) of each case of one test of ctest's."""
    report = folder / f"{test.get('name')}.json"
    if report.exists() and report.stat().st_size > 0:
        found = list(gtest_cases(json.loads(report.read_text())))
    else:
        found = list(tap_cases(test.findtext("system-out") or ""))
    if test.get("status") == "run":
        return found or [("", "passed")]
    if test.find("skipped") is not None and test.get("status") != "fail":
        return found or [("", "skipped")]
    if all(outcome != "failed" for _, outcome in found):
        found.append((": it crashed, hung, leaked or could not start", "failed"))
    return found


def main():
    junit, folder = sys.argv[1:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for test in xml.parse(junit).getroot().iter("testcase"):
        for name, outcome in cases(test, pathlib.Path(folder)):
            counts[outcome] += 1
            if outcome != "passed":
                print(f"  {outcome}: {test.get('name')} {name}", file=sys.stderr)
    if not any(counts.values()):
        sys.exit("no test ran")
    print(*counts.values())


main()
