"""The records job and generate_tfrecord.py, as processes: files, counts, errors, and a full disk."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

from pipeline.datasets.model import Box, Image
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.records import Example, read_examples
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames
from tests.datasets.drawing import draw_picture
from tests.project import ROOT, shared_data

LABELS = ("cat", 'été "x"')


def make_tf_csv(folder: Path, *, train: int = 20, test: int = 3) -> Path:
    images = []
    for number in range(train + test):
        path = draw_picture(folder / "source" / f"{number}.jpg", shade=number * 7)
        boxes = (Box(LABELS[0], 0, 0, 40, 30), Box(LABELS[1], number % 30, 1.5, 40, 15)) if number else ()
        images.append(Image(path, f"{number}.jpg", 40, 30, boxes))
    write_tf_csv(folder / "tf_csv", Split(tuple(images[:train]), tuple(images[train:]), ""), LABELS)
    return folder / "tf_csv"


def run_job(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.jobs.records", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


def read_all(folder: Path, part: str) -> list[Example]:
    return [example for path in sorted(folder.glob(f"{part}.record-*")) for example in read_examples(path)]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_records_hold_what_tf_csv_says(tmp_path: Path) -> None:
    tf_csv, records = make_tf_csv(tmp_path), tmp_path / "records"
    done = run_job("--tf-csv-dir", tf_csv, "--records-dir", records, "--shards", 3)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in records.iterdir()) == [
        "label_map.pbtxt",
        "records.json",
        "test.record-00000-of-00003",
        "test.record-00001-of-00003",
        "test.record-00002-of-00003",
        "train.record-00000-of-00003",
        "train.record-00001-of-00003",
        "train.record-00002-of-00003",
    ]
    assert json.loads((records / "records.json").read_text(encoding="utf-8")) == {
        "train": {"images": 20, "boxes": 38, "shards": 3},
        "test": {"images": 3, "boxes": 6, "shards": 3},
        "classes": {"cat": 22, 'été "x"': 22},
        "reencoded": {},
        "shrunk": 0,
    }
    assert (records / "label_map.pbtxt").read_bytes() == (tf_csv / "label_map.pbtxt").read_bytes()
    examples = {example.filename: example for example in read_all(records, "train")}
    assert len(examples) == 20
    assert examples["0.jpg"].boxes == ()
    four = examples["4.jpg"]
    assert four == Example(
        source_id="4.jpg",
        filename="4.jpg",
        width=40,
        height=30,
        encoded=(tf_csv / "images/train/4.jpg").read_bytes(),
        format="jpeg",
        boxes=((0.0, 0.0, 1.0, 1.0), (pytest.approx(0.1), pytest.approx(0.05), 1.0, 0.5)),  # type: ignore[arg-type]
        class_ids=(1, 2),
        class_names=LABELS,
        difficult=(False, False),
    )


def test_all_keys_of_the_object_detection_api_are_there(tmp_path: Path) -> None:
    tf_csv, records = make_tf_csv(tmp_path), tmp_path / "records"
    assert run_job("--tf-csv-dir", tf_csv, "--records-dir", records).returncode == 0
    features = decode_example(next(read_frames(records / "train.record-00000-of-00001")))
    assert sorted(features) == [
        "image/encoded",
        "image/filename",
        "image/format",
        "image/height",
        "image/key/sha256",
        "image/object/bbox/xmax",
        "image/object/bbox/xmin",
        "image/object/bbox/ymax",
        "image/object/bbox/ymin",
        "image/object/class/label",
        "image/object/class/text",
        "image/object/difficult",
        "image/object/truncated",
        "image/object/view",
        "image/source_id",
        "image/width",
    ]
    (encoded,) = features["image/encoded"]
    assert isinstance(encoded, bytes)
    assert features["image/key/sha256"] == [hashlib.sha256(encoded).hexdigest().encode()]


def test_the_same_input_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path)
    written = []
    for workers in (1, 2, 5):
        records = tmp_path / f"records{workers}"
        assert run_job("--tf-csv-dir", tf_csv, "--records-dir", records, "--workers", workers).returncode == 0
        written.append(hashes(records))
    assert written[0] == written[1] == written[2]


def test_images_known_to_decode_give_the_same_bytes(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path)
    assert run_job("--tf-csv-dir", tf_csv, "--records-dir", tmp_path / "one").returncode == 0
    assert run_job("--tf-csv-dir", tf_csv, "--records-dir", tmp_path / "two", "--checked").returncode == 0
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_the_seed_orders_the_images(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path)
    orders = []
    for seed in (0, 1):
        records = tmp_path / f"records{seed}"
        assert run_job("--tf-csv-dir", tf_csv, "--records-dir", records, "--seed", seed).returncode == 0
        orders.append([example.filename for example in read_all(records, "train")])
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_odd_images_are_counted(tmp_path: Path) -> None:
    tf_csv, records = make_tf_csv(tmp_path), tmp_path / "records"
    for number, mode in (("1", "RGB"), ("2", "RGBA")):
        path = tf_csv / "images" / "train" / f"{number}.jpg"
        Pillow.new(mode, (40, 30)).save(path, "PNG")
    done = run_job("--tf-csv-dir", tf_csv, "--records-dir", records)
    assert json.loads((records / "records.json").read_text())["reencoded"] == {
        "PNG named .jpg": 1,
        "PNG with transparency": 1,
    }
    assert done.stderr.splitlines()[-3:] == [
        done.stderr.splitlines()[-3],
        "  PNG named .jpg: 1",
        "  PNG with transparency: 1",
    ]
    assert done.stderr.splitlines()[-3].endswith("; encoded anew: 2 images")


def test_a_broken_image_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    tf_csv, records = make_tf_csv(tmp_path), tmp_path / "records"
    broken = tf_csv / "images" / "train" / "7.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    done = run_job("--tf-csv-dir", tf_csv, "--records-dir", records)
    assert done.returncode == 3
    assert f"error: {broken}: " in done.stderr
    assert not [path for path in tmp_path.iterdir() if "records" in path.name]


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        (
            "17.jpg,40,30,cat,0,0,40,30",
            "17.jpg,40,30,catt,0,0,40,30",
            "class 'catt' is not in the label map; it lists: {}",
        ),
        (
            "17.jpg,40,30,cat,0,0,40,30",
            "17.jpg,40,30,cat,0,0,43,30",
            "(cat): box (0, 0, 43, 30) is outside its image of 40x30",
        ),
        (
            "17.jpg,40,30,cat,0,0,40,30",
            "17.jpg,40,30,cat,9,0,9,30",
            "(cat): box (9, 0, 9, 30) has no area; wanted xmin < xmax and ymin < ymax",
        ),
    ],
)
def test_a_bad_line_is_refused(tmp_path: Path, find: str, replace: str, message: str) -> None:
    tf_csv = make_tf_csv(tmp_path)
    text = (tf_csv / "train.csv").read_text(encoding="utf-8")
    assert find in text
    (tf_csv / "train.csv").write_text(text.replace(find, replace), encoding="utf-8")
    done = run_job("--tf-csv-dir", tf_csv, "--records-dir", tmp_path / "records", "--workers", 1)
    assert done.returncode == 3
    separator = " " if message.startswith("(") else ": "
    error = f"error: {tf_csv / 'images/train/17.jpg'}{separator}{message.format(', '.join(LABELS))}"
    assert error in done.stderr.splitlines()


def test_a_file_size_limit_while_writing_names_the_file_and_what_was_needed(tmp_path: Path) -> None:
    tf_csv, records = make_tf_csv(tmp_path, train=60), tmp_path / "records"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    done = run_job("--tf-csv-dir", tf_csv, "--records-dir", records, preexec_fn=limit)
    assert done.returncode == 4
    error, hint = done.stderr.splitlines()[-2:]
    free = error.rpartition("needed, ")[2]
    images = list((tf_csv / "images" / "train").iterdir())
    assert error.startswith(f"error: a file size limit was reached while writing {records / 'train.record'}: ")
    assert float(error.split(": ")[2].split(" KB needed")[0]) * 1000 > sum(path.stat().st_size for path in images)
    assert free.endswith(" free")
    assert hint == f"hint: look at the limits and quotas of {records} (ulimit -f, quota)"
    assert not [path for path in tmp_path.iterdir() if "records" in path.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a tmpfs needs root")
def test_a_full_disk_is_found_before_writing(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path, train=60)
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        done = run_job("--tf-csv-dir", tf_csv, "--records-dir", mount / "records")
        assert done.returncode == 4
        error, hint = done.stderr.splitlines()[-2:]
        assert error.startswith(f"error: not enough space to write {mount / 'records' / 'train.record'}: ")
        assert hint.startswith("hint: free ")
        assert hint.endswith(f" there, or put {mount / 'records'} on a larger disk")
        assert list(mount.iterdir()) == []
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def run_script(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "input" / "generate_tfrecord.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_records_that_others_made_are_matched_example_by_example(tmp_path: Path) -> None:
    raccoon = shared_data() / "raccoon"
    (tmp_path / "label_map.pbtxt").write_text("item { id: 1 name: 'raccoon' }")
    done = run_script(
        f"--csv_input={raccoon.resolve()}/data/test_labels.csv",
        "--output_path=test.record",
        f"--img_path={raccoon.resolve()}/images",
        "--label_map=label_map.pbtxt",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "wrote test.record: 40 images, 44 boxes"
    ours = {str(found["image/filename"]): found for found in map(decode_example, read_frames(tmp_path / "test.record"))}
    theirs = [decode_example(data) for data in read_frames(raccoon / "data" / "test.record")]
    assert len(theirs) == len(ours) == 40
    for features in theirs:
        own = ours[str(features["image/filename"])]
        assert {key: own[key] for key in features} == features


def test_an_output_path_may_ask_for_shards(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path)
    flags = [
        f"--csv_input={tf_csv}/train.csv",
        f"--img_path={tf_csv}/images/train",
        f"--label_map={tf_csv}/label_map.pbtxt",
    ]
    for pattern in ("a.record@2", "a.record-?????-of-00002"):
        assert run_script(*flags, f"--output_path={tmp_path}/{pattern}", cwd=tmp_path).returncode == 0
        shards = sorted(tmp_path.glob("a.record*"))
        assert [path.name for path in shards] == ["a.record-00000-of-00002", "a.record-00001-of-00002"]
        assert [len(list(read_frames(path))) for path in shards] == [10, 10]
        for path in shards:
            path.unlink()


def test_an_existing_file_survives_a_failed_run(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path)
    (tmp_path / "a.record").write_text("before")
    shutil.rmtree(tf_csv / "images")
    flags = [
        f"--csv_input={tf_csv}/train.csv",
        f"--img_path={tf_csv}/images/train",
        f"--label_map={tf_csv}/label_map.pbtxt",
    ]
    done = run_script(*flags, "--output_path=a.record", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == f"error: no image at {tf_csv}/images/train/0.jpg"
    assert (tmp_path / "a.record").read_text() == "before"
    assert not list(tmp_path.glob(".a.record*"))
