"""`make test-odapi`: its runner notices what fails, what is excused for nothing, and files without a test."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.odapi.conftest import SCRIPTS

pytestmark = pytest.mark.odapi

PASSING = """
import unittest
class Test(unittest.TestCase):
    def test_this(self):
        self.assertTrue(True)
    def test_the_missing_files_are_there(self):
        import os
        folder = os.path.dirname(__file__)
        self.assertTrue(os.path.exists(os.path.join(folder, "samples/configs/ssd_inception_v2_pets.config")))
        self.assertGreater(os.path.getsize(os.path.join(folder, "test_data/pets_examples.record")), 100)
        with open(os.path.join(folder, "data/pet_label_map.pbtxt")) as file:
            self.assertEqual(file.read(), "the package's own")
if __name__ == "__main__":
    unittest.main()
"""
FAILING = PASSING.replace("assertTrue(True)", "assertTrue(False)")
SKIPPING = PASSING.replace("    def test", "    @unittest.skip('no reason')\n    def test")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of the real one's name, with a passing test file and a label map of its own."""
    folder = tmp_path / "path/object_detection"
    (folder / "models").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "data/pet_label_map.pbtxt").write_text("the package's own")
    for name in ("", "models/"):
        (folder / f"{name}__init__.py").write_text("")
    (folder / "good_tf1_test.py").write_text(PASSING)
    (folder / "good_tf2_test.py").write_text(FAILING)
    return folder


def run_tests(python: Path, package: Path, *, excused: str = "") -> tuple[int, dict[str, str], list[str]]:
    """Run the runner on a package; return its exit code, {file: verdict} and what it showed."""
    folder = package.parent.parent
    (folder / "excused.txt").write_text("# a comment\n" + excused)
    done = subprocess.run(
        [python, SCRIPTS / "test_odapi.py", f"--excused={folder}/excused.txt", f"--results={folder}/results.json"],
        env={**os.environ, "PYTHONPATH": str(package.parent)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    results = json.loads((folder / "results.json").read_text())
    return done.returncode, {result["file"]: result["verdict"] for result in results}, done.stderr.splitlines()


def test_a_failing_file_an_empty_one_and_a_needless_excuse_fail_the_run(odapi_python: Path, package: Path) -> None:
    (package / "models/bad_tf1_test.py").write_text(FAILING)
    (package / "crash_tf1_test.py").write_text("import nothing_of_this_name")
    (package / "idle_tf1_test.py").write_text(SKIPPING)
    (package / "known_tf1_test.py").write_text(FAILING)
    (package / "mended_tf1_test.py").write_text(PASSING)
    excused = "known_tf1_test: needs a TPU\nmended_tf1_test: needed a TPU\n"
    code, verdicts, shown = run_tests(odapi_python, package, excused=excused)
    assert code == 4
    assert verdicts == {
        "good_tf1_test": "passed", "models.bad_tf1_test": "failed", "crash_tf1_test": "failed",
        "idle_tf1_test": "failed", "known_tf1_test": "excused", "mended_tf1_test": "failed",
    }  # fmt: skip
    reasons = {" ".join(line.split()[:1]): line.split(" s  ")[1] for line in shown if " skipped " in line}
    assert reasons == {
        "crash_tf1_test": "failed  exit code 1",
        "good_tf1_test": "passed",
        "idle_tf1_test": "failed  no test ran",
        "known_tf1_test": "excused  needs a TPU",
        "mended_tf1_test": "failed  passes, so it needs no excuse: 'needed a TPU'",
        "models.bad_tf1_test": "failed  failures=2",
    }
    assert "  | ModuleNotFoundError: No module named 'nothing_of_this_name'" in shown
    assert shown[-2:] == [
        "error: 4 of 6 files failed: crash_tf1_test, idle_tf1_test, mended_tf1_test, models.bad_tf1_test",
        "hint: one alone: make test-odapi ONLY=crash_tf1_test",
    ]


def test_a_sound_package_passes(odapi_python: Path, package: Path) -> None:
    code, verdicts, shown = run_tests(odapi_python, package)
    assert (code, verdicts) == (0, {"good_tf1_test": "passed"})
    assert shown[-1].startswith("1 files, 2 tests in ")
    assert shown[-1].endswith(": 1 passed, 0 failed, 0 excused")
