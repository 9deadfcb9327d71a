"""Receipts: when a stage is up to date, and the reason when it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline import receipts


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:
    """A stage that has read in/a.txt and in/b.txt with one script and written out/c.txt."""
    for path, text in {"in/a.txt": "a", "in/b.txt": "b", "out/c.txt": "c", "script.py": "print()"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return {
        "stage": "copy", "run": "cats", "settings": {"steps": 200, "nested": {"seed": 0}}, "code": ["script.py"],
        "inputs": {"in": {"path": "in"}}, "outputs": {"out": {"path": "out"}},
    }  # fmt: skip


def finish(root: Path, spec: dict[str, Any]) -> None:
    inputs = {name: receipts.fingerprint_files(str(root), place) for name, place in spec["inputs"].items()}
    receipts.write_receipt(str(root), spec, inputs, receipts.hash_code(str(root), spec), 1.0)


def test_a_stage_without_a_receipt_has_not_run(tmp_path: Path, spec: dict[str, Any]) -> None:
    assert receipts.staleness(str(tmp_path), spec) == "has not run yet"


def test_a_finished_stage_is_up_to_date(tmp_path: Path, spec: dict[str, Any]) -> None:
    finish(tmp_path, spec)
    assert receipts.staleness(str(tmp_path), spec) is None


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        ("in/a.txt", "other", "in/a.txt changed"),
        ("in/new.txt", "new", "in/new.txt is new"),
        ("in/b.txt", None, "in/b.txt is gone"),
        ("out/c.txt", None, "out/c.txt is gone"),
        ("out/c.txt", "touched by hand", "out/c.txt changed"),
        ("script.py", "print(1)", "code changed: script.py"),
    ],
)
def test_the_reason_names_the_file(
    tmp_path: Path, spec: dict[str, Any], path: str, text: str | None, reason: str
) -> None:
    finish(tmp_path, spec)
    if text is None:
        (tmp_path / path).unlink()
    else:
        (tmp_path / path).write_text(text)
    assert receipts.staleness(str(tmp_path), spec) == reason


def test_the_reason_names_the_settings(tmp_path: Path, spec: dict[str, Any]) -> None:
    finish(tmp_path, spec)
    spec["settings"] = {"steps": 400, "nested": {"seed": 1}}
    assert receipts.staleness(str(tmp_path), spec) == "settings changed: nested.seed 0 -> 1, steps 200 -> 400"


def test_a_file_of_another_time_but_the_same_content_is_no_change(tmp_path: Path, spec: dict[str, Any]) -> None:
    finish(tmp_path, spec)
    os.utime(tmp_path / "in/a.txt", (1, 1))
    assert receipts.staleness(str(tmp_path), spec) is None


def test_hidden_files_do_not_count(tmp_path: Path, spec: dict[str, Any]) -> None:
    finish(tmp_path, spec)
    (tmp_path / "in/.DS_Store").write_text("x")
    assert receipts.staleness(str(tmp_path), spec) is None


def test_only_the_named_files_count(tmp_path: Path, spec: dict[str, Any]) -> None:
    spec["inputs"]["in"]["only"] = ["a.*"]
    finish(tmp_path, spec)
    (tmp_path / "in/b.txt").write_text("other")
    assert receipts.staleness(str(tmp_path), spec) is None


def test_a_torn_receipt_counts_as_none(tmp_path: Path, spec: dict[str, Any]) -> None:
    finish(tmp_path, spec)
    path = Path(receipts.receipt_path(str(tmp_path), spec))
    path.write_text(path.read_text()[:20])
    assert receipts.staleness(str(tmp_path), spec) == "has not run yet"


def test_the_dataset_may_lie_anywhere(tmp_path: Path, spec: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODPIPE_DATASET_DIR", str(tmp_path / "in"))
    spec["inputs"] = {"dataset": {"path": receipts.DATASET}}
    finish(tmp_path, spec)
    (tmp_path / "in").rename(tmp_path / "moved")
    monkeypatch.setenv("ODPIPE_DATASET_DIR", str(tmp_path / "moved"))
    assert receipts.staleness(str(tmp_path), spec) is None
    (tmp_path / "moved/a.txt").write_text("other")
    assert receipts.staleness(str(tmp_path), spec) == "dataset/a.txt changed"
