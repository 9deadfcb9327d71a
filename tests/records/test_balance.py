"""BALANCE: boxes of rare classes weigh more in training, and the mean box weighs 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.records.balance import weigh_classes
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames
from tests.records.test_records_job import LABELS, hashes, make_tf_csv, run_job

COUNTS = {"cat": 900, "dog": 90, "fox": 10, "unused": 0}


def test_inverse_lets_every_class_weigh_the_same_in_all() -> None:
    weights = weigh_classes(COUNTS, balance="inverse")
    assert weights == pytest.approx({"cat": 1000 / 2700, "dog": 1000 / 270, "fox": 1000 / 30})


def test_sqrt_goes_half_of_the_way() -> None:
    weights = weigh_classes(COUNTS, balance="sqrt")
    assert weights["fox"] / weights["cat"] == pytest.approx(90**0.5)
    assert weights["dog"] / weights["cat"] == pytest.approx(10**0.5)


@pytest.mark.parametrize("balance", ["sqrt", "inverse"])
def test_the_mean_box_weighs_one(balance: str) -> None:
    weights = weigh_classes(COUNTS, balance=balance)
    assert sum(weights[label] * count for label, count in COUNTS.items() if count) == pytest.approx(1000)


def test_none_and_no_boxes_have_no_weights() -> None:
    assert weigh_classes(COUNTS, balance="none") == {}
    assert weigh_classes({}, balance="inverse") == {}


def read_features(folder: Path, part: str) -> list[dict[str, Any]]:
    return [decode_example(data) for path in sorted(folder.glob(f"{part}.record-*")) for data in read_frames(path)]


@pytest.fixture
def unbalanced(tmp_path: Path) -> Path:
    """A tf_csv with 19 boxes of one class and 4 of the other in train."""
    tf_csv = make_tf_csv(tmp_path)
    lines = (tf_csv / "train.csv").read_text(encoding="utf-8").splitlines()
    rare = [line for line in lines if LABELS[1].replace('"', '""') in line]
    kept = [line for line in lines if line not in rare[4:]]
    (tf_csv / "train.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return tf_csv


def test_weights_are_in_the_train_part_only(unbalanced: Path, tmp_path: Path) -> None:
    done = run_job("--tf-csv-dir", unbalanced, "--records-dir", tmp_path / "records", "--balance", "inverse")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == f"weights: {LABELS[0]} 0.605, {LABELS[1]} 2.88"
    wanted = {1: 23 / (2 * 19), 2: 23 / (2 * 4)}
    found = read_features(tmp_path / "records", "train")
    assert len(found) == 20
    for features in found:
        labels = features["image/object/class/label"]
        assert features["image/object/weight"] == pytest.approx([wanted[label] for label in labels])
    assert not any("image/object/weight" in features for features in read_features(tmp_path / "records", "test"))


def test_none_writes_the_bytes_that_it_always_wrote(unbalanced: Path, tmp_path: Path) -> None:
    for name, flags in (("default", ()), ("none", ("--balance", "none"))):
        assert run_job("--tf-csv-dir", unbalanced, "--records-dir", tmp_path / name, *flags).returncode == 0
    assert hashes(tmp_path / "default") == hashes(tmp_path / "none")
    assert not any("image/object/weight" in features for features in read_features(tmp_path / "none", "train"))
