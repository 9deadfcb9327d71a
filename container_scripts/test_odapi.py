"""Run the Object Detection API's own TensorFlow 1 tests, to know that the environment is sound.

    python container_scripts/test_odapi.py [--only NAME] [--results results.json]

Every *_tf1_test.py of the installed package runs in a process of its own, a file a core, and is counted as passed,
failed or excused (odapi_tests/excused.txt). It ends with exit code 4 when a test fails that is not excused, or when
an excused one passes, so that the list stays short and true. A file without a single test that ran has failed.
results.json: [{"file": "inputs_tf1_test", "tests": 31, "skipped": 1, "seconds": 12.1, "verdict": "passed", "why": ""}]
"""

import argparse
import collections
import importlib.util
import json
import multiprocessing.pool
import os
import re
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

from screen import Progress, fail, format_duration, say

PACKAGE = "object_detection"
SUFFIX = "_tf1_test"
EXCUSED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "odapi_tests", "excused.txt")
LONGEST = ("ssd_resnet_v1_fpn", "ssd_mobiledet", "mobilenet_v2_fpn", "ssd_spaghettinet", "model_lib", "exporter")
"""Begun first, so that none of them is what all other cores wait for at the end."""
TIMEOUT_S = 1800
TAIL_LINES = 15

Result = collections.namedtuple("Result", "file tests skipped seconds verdict why log")


def find_tests(package_dir, only):
    """Give the test files as dotted names below the package, those that take longest first."""
    names = []
    for folder, _, files in os.walk(package_dir):
        for file in files:
            if file.endswith(SUFFIX + ".py"):
                path = os.path.relpath(os.path.join(folder, file), package_dir)
                names.append(path[: -len(".py")].replace(os.sep, "."))

    def turn(name):
        known = [number for number, part in enumerate(LONGEST) if part in name]
        return known[0] if known else len(LONGEST), name

    return sorted((name for name in names if only in name), key=turn)


def read_excused(path):
    """Read lines of `file: reason` into a dictionary; # begins a comment."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name.strip(): reason.strip() for name, _, reason in pairs}


def run_test(name, package_parent, excused):
    """Run one file's tests; return its Result."""
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
        environment = dict(os.environ, PYTHONPATH=path, TEST_TMPDIR=folder)
        command = [sys.executable, "-m", "{}.{}".format(PACKAGE, name)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=TIMEOUT_S,
            )
            code, log = done.returncode, done.stdout.decode("utf-8", "replace")
        except subprocess.TimeoutExpired as expired:
            code, log = None, (expired.stdout or b"").decode("utf-8", "replace")
    return judge(name, code, log, time.time() - began, excused)


def judge(name, code, log, seconds, excused):
    """Say of one file whether it passed, from its exit code (None: too slow) and what unittest printed."""
    ran = re.findall(r"^Ran (\d+) tests? in", log, re.MULTILINE)
    skips = re.findall(r"skipped=(\d+)", log)
    tests, skipped = int(ran[-1]) if ran else 0, int(skips[-1]) if skips else 0
    why = ""
    if code is None:
        why = "not done after {}".format(format_duration(TIMEOUT_S))
    elif code != 0:
        problems = re.findall(r"^FAILED \((.*)\)$", log, re.MULTILINE)
        why = problems[-1] if problems else "exit code {}".format(code)
    elif tests <= skipped:
        why = "no test ran"
    if name in excused:
        verdict = "excused" if why else "failed"
        why = excused[name] if why else "passes, so it needs no excuse: {!r}".format(excused[name])
    else:
        verdict = "failed" if why else "passed"
    return Result(name, tests, skipped, round(seconds, 1), verdict, why, log)


def run_all(names, package_parent, excused, jobs):
    """Run all files, `jobs` at a time; return their results in the order of their names."""
    results = []
    with multiprocessing.pool.ThreadPool(jobs) as pool, Progress("test-odapi", total=len(names), unit="file") as shown:
        for result in pool.imap_unordered(lambda name: run_test(name, package_parent, excused), names):
            results.append(result)
            if result.verdict == "failed":
                say("failed: {}: {}".format(result.file, result.why))
            shown.update(len(results), note="{} {}".format(result.file, result.verdict))
    return sorted(results)


def show(results, seconds):
    """Say a line of each file, and the counts."""
    width = max(len(result.file) for result in results)
    for result in results:
        counts = "{:>4} tests {:>3} skipped {:>7.1f} s".format(result.tests, result.skipped, result.seconds)
        say("{:<{}}  {}  {}  {}".format(result.file, width, counts, result.verdict, result.why).rstrip())
    for result in results:
        if result.verdict == "failed":
            say("--- {}: {}; its last lines:".format(result.file, result.why))
            for line in result.log.splitlines()[-TAIL_LINES:]:
                say("  | " + line[:300])
    counted = collections.Counter(result.verdict for result in results)
    say(
        "{} files, {} tests in {}: {} passed, {} failed, {} excused".format(
            len(results),
            sum(result.tests - result.skipped for result in results),
            format_duration(seconds),
            *(counted[verdict] for verdict in ("passed", "failed", "excused")),
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="run the files whose dotted name holds this")
    parser.add_argument("--excused", default=EXCUSED, help="the list of tests that cannot pass")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="files at a time")
    parser.add_argument("--results", help="the JSON file to write")
    arguments = parser.parse_args()
    excused = read_excused(arguments.excused)
    package_dir = os.path.dirname(importlib.util.find_spec(PACKAGE).origin)
    names = find_tests(package_dir, arguments.only)
    if not names:
        fail("{} has no *{}.py with {!r} in its name".format(package_dir, SUFFIX, arguments.only), exit_code=2)
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        from odapi_tests import odapi_test_files  # imports TensorFlow

        odapi_test_files.copy_package(package_dir, folder)
        results = run_all(names, folder, excused, max(arguments.jobs, 1))
    show(results, time.time() - began)
    if arguments.results:
        with open(arguments.results, "w", encoding="utf-8") as file:
            json.dump([{k: v for k, v in r._asdict().items() if k != "log"} for r in results], file, indent=1)
            file.write("\n")
    failed = [result.file for result in results if result.verdict == "failed"]
    if failed:
        fail(
            "{} of {} files failed: {}".format(len(failed), len(results), ", ".join(failed)),
            hint="one alone: make test-odapi ONLY={}".format(failed[0]),
            exit_code=4,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
