"""Two runs side by side: the figures, the images that they differ on, and what cannot be compared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands.compare import compare
from pipeline.errors import ConfigError, StageError
from tests.project import copy_project
from tests.report.test_dataset_page import Balanced
from tests.run_report.made_run import made_images, make_run, rising

WORSE = [{"artefact": "checkpoint", "map": 0.5, "map50": 0.7, "ms_median": 14.0, "size_bytes": 5_000_000}]
BETTER = [
    {"artefact": "checkpoint", "map": 0.6, "map50": 0.8, "ms_median": 15.0, "size_bytes": 5_000_000},
    {"artefact": "tflite", "map": 0.59, "map50": 0.8, "ms_median": 4.0, "size_bytes": 500_000},
]


@pytest.fixture
def two_runs(tmp_path: Path) -> Path:
    """The run `a` misses the cats of five images, `b` finds one dog less and was trained for longer."""
    worse, better = made_images(12), made_images(12)
    for image in worse[:5]:
        image.found = [one for one in image.found if one[0] == 2]
    better[7].found = better[7].found[1:]
    make_run(tmp_path, worse, name="a", metrics=WORSE, log=rising(0.3, 0.4, 0.5))
    make_run(tmp_path, better, name="b", metrics=BETTER, log=rising(0.4, 0.5, 0.6), settings={"steps": 1600})
    return tmp_path


def test_two_runs_stand_side_by_side(two_runs: Path, capsys: pytest.CaptureFixture[str]):
    told = compare(two_runs, "a", "b")
    assert told == {"page": "output/compare-a-b.html", "comparable": True, "map": {"a": 0.5, "b": 0.6}}
    assert "compared: output/compare-a-b.html; next: open it in a browser" in capsys.readouterr().err
    page = Balanced((two_runs / "output/compare-a-b.html").read_text())
    for words in (
        "b detects better. mAP is 0.100 above that of a.",
        "a: mAP0.500",
        "steps8001600",
        "Found at the score that suits each best: 0.50 and 0.50.",
        "500 kB",
    ):
        assert words in page.words, words
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(pictures) == 12
    for ours, theirs in zip(pictures[::2], pictures[1::2], strict=True):
        assert ours.split(":")[0] == theirs.split(":")[0], "the same image of both"
        assert ours != theirs
    assert any(one.startswith("photo 0007.jpg: 3 of 4 found") for one in pictures[1::2]), "also what got worse"


def test_nearly_equal_runs_are_called_equal(two_runs: Path):
    (two_runs / "output/a/evaluation/metrics.json").write_text(json.dumps(BETTER))
    compare(two_runs, "a", "b")
    assert "They detect equally well. mAP differs by 0.000" in (
        Balanced((two_runs / "output/compare-a-b.html").read_text()).words
    )


def test_runs_of_different_test_images_are_not_held_against_each_other(tmp_path: Path):
    for name, count in (("a", 5), ("b", 6)):
        make_run(tmp_path, made_images(count), name=name, metrics=WORSE)
    assert compare(tmp_path, "a", "b")["comparable"] is False
    page = Balanced((tmp_path / "output/compare-a-b.html").read_text())
    assert "They were tried on different test images." in page.words
    assert "img" not in page.seen
    assert "detects better" not in page.words


def test_a_run_that_is_not_there_is_named_with_a_guess(two_runs: Path):
    make_run(two_runs, made_images(2), name="raccoon")
    with pytest.raises(ConfigError) as error:
        compare(two_runs, "a", "racoon")
    assert str(error.value) == "there is no run 'racoon' in output/; found: a, b, raccoon"
    assert error.value.hint == "did you mean 'raccoon'?"
    with pytest.raises(ConfigError, match="both runs are a"):
        compare(two_runs, "a", "a")
    with pytest.raises(ConfigError, match="NAME is '../a'"):
        compare(two_runs, "../a", "b")


def test_a_run_that_was_not_evaluated_says_what_to_do(two_runs: Path):
    (two_runs / "output/b/evaluation/tensorflow/checkpoint.jsonl").unlink()
    with pytest.raises(StageError) as error:
        compare(two_runs, "a", "b")
    assert str(error.value) == (
        "b was not tried on test images: there is no output/b/evaluation/tensorflow/checkpoint.jsonl"
    )
    assert error.value.hint == "make evaluate NAME=b (or: docker compose up evaluate)"
    assert not (two_runs / "output/compare-a-b.html").exists()


def test_the_command_line_compares(two_runs: Path, tmp_path_factory: pytest.TempPathFactory):
    project = copy_project(tmp_path_factory.mktemp("compare") / "project")
    for folder in ("input", "output"):
        for path in (two_runs / folder).iterdir():
            path.rename(project / folder / path.name)
    command = [sys.executable, "-m", "pipeline", "compare", "a", "b", "--json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["page"] == "output/compare-a-b.html"
    assert (project / "output/compare-a-b.html").is_file()
