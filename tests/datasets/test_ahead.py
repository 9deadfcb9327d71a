"""What all cores read of a dataset is what one process reads: images, findings, their order, and errors."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.datasets.formats.registry import read_dataset
from pipeline.datasets.images import ahead
from pipeline.datasets.images.ahead import reading_ahead
from pipeline.datasets.images.frame import Header, read_header
from pipeline.datasets.images.known import knowing
from pipeline.datasets.model import Dataset, Embedded
from pipeline.datasets.problems import Finding, Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, voc_object, write_voc

IMAGES = 300


def draw_dataset(root: Path) -> Path:
    """Draw enough images for reading ahead, in two folders, with something wrong in both halves."""
    for number in range(IMAGES):
        name = f"{'first' if number < 150 else 'second'}/{number:03d}.bmp"
        write_voc(root, name, voc_object(f"class {number % 3}", 1, 1, 2 + number % 30, 20))
    return root


def spoil(root: Path) -> None:
    draw_picture(root / "first" / "007.bmp", size=(50, 30))
    write_voc(root, "first/008.bmp", "<object/>", "<object><difficult>1</difficult></object>")
    write_voc(
        root, "first/009.bmp", voc_object("cat", 1, 1, 9, 9).replace("</name>", "</name><difficult>1</difficult>")
    )
    (root / "first" / "010.xml").write_text("<annotation>")
    (root / "second" / "200.bmp").write_bytes(b"no image")
    (root / "second" / "201.xml").write_bytes(b"")
    (root / "second" / "202.xml").write_text("<other/>")
    write_voc(root, "second/203.bmp", "<object/>")


def read(root: Path, workers: int) -> tuple[Dataset, dict[str, list[Finding]], tuple[int, int]]:
    problems = Problems(keep_going=True)
    with reading_ahead(workers) as processes:
        assert (processes is None) == (workers == 1)
        dataset = read_dataset(root, problems=problems, ahead=processes)
    return dataset, problems.findings, (problems.lost_images, problems.lost_boxes)


def test_all_cores_read_what_one_process_reads(tmp_path: Path) -> None:
    spoil(draw_dataset(tmp_path))
    dataset, findings, lost = read(tmp_path, 2)
    one_dataset, one_findings, one_lost = read(tmp_path, 1)
    assert dataset == one_dataset
    assert list(findings.items()) == list(one_findings.items())
    assert lost == one_lost == (2, 4)
    assert len(dataset.images) == IMAGES - 4
    assert {kind: len(found) for kind, found in findings.items()} == {
        "object_unreadable": 3,
        "object_difficult": 1,
        "annotation_unreadable": 1,
        "annotation_empty_file": 1,
        "annotation_file_ignored": 1,
        "image_unannotated": 3,
        "size_differs": 1,
        "image_unreadable": 1,
    }


def test_the_first_error_is_the_one_that_is_raised(tmp_path: Path) -> None:
    spoil(draw_dataset(tmp_path))
    with reading_ahead(2) as processes, pytest.raises(DataError) as raised:
        read_dataset(tmp_path, problems=Problems(), ahead=processes)
    assert str(raised.value) == f"{tmp_path}/first/008.xml: object 1 has no <name>"


def test_more_findings_than_are_kept_are_all_counted(tmp_path: Path) -> None:
    for number in range(3):
        write_voc(tmp_path, f"{number}.bmp", *["<object/>"] * 700, voc_object("cat", 1, 1, 9, 9))
    problems = Problems(keep_going=True)
    with reading_ahead(2) as processes:
        read_dataset(tmp_path, problems=problems, ahead=processes)
    assert (problems.counts["object_unreadable"], problems.lost_boxes) == (2100, 2100)
    assert len(problems.findings["object_unreadable"]) == 1000


def test_a_process_that_dies_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_dataset(tmp_path)
    real, parent = read_header, os.getpid()

    def dying(path: Path, embedded: Embedded | None = None) -> Header:
        if path.name == "140.bmp" and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(path, embedded)

    monkeypatch.setattr(ahead, "read_header", dying)
    assert read(tmp_path, 2) == read(tmp_path, 1)


def test_headers_that_are_known_are_not_read(tmp_path: Path) -> None:
    class Source:
        def find_header(self, path: Path) -> Header | None:
            return Header(7, 5, 6) if path.name == "known.jpg" else None

        def find_sha256(self, path: Path) -> str | None:
            return None

    draw_picture(tmp_path / "other.jpg")
    with knowing(Source()):
        assert read_header(tmp_path / "known.jpg") == Header(7, 5, 6)
        assert read_header(tmp_path / "other.jpg") == Header(40, 30, 1)
    with pytest.raises(DataError):
        read_header(tmp_path / "known.jpg")


def test_headers_are_those_of_this_process(tmp_path: Path) -> None:
    """Also of a photo that EXIF turns, and none of what is no image, which the reader is to name."""
    names = [f"{number:03d}.bmp" for number in range(260)]
    for name in names[2:]:
        draw_picture(tmp_path / name, size=(3, 2))
    draw_picture(
        tmp_path / names[0], format="JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0"
    )
    (tmp_path / names[1]).write_bytes(b"no image")
    with reading_ahead(2) as processes:
        assert processes is not None
        processes.begin({tmp_path: [*names, "notes.txt"]})
        found = [processes.find_header(tmp_path / name) for name in names]
        assert processes.find_header(tmp_path / "notes.txt") is None
    assert found == [Header(40, 30, 6), None, *[Header(3, 2, 1)] * 258]


def test_an_end_does_not_wait_for_what_has_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "read_header", lambda path: time.sleep(0.001) or Header(1, 1, 1))
    began = time.monotonic()
    with reading_ahead(2) as processes:
        assert processes is not None
        processes.begin({tmp_path: [f"{number:05d}.jpg" for number in range(40_000)]})
    assert time.monotonic() - began < 10
