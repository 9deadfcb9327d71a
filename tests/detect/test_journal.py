from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.detecting.journal import FoundBefore, Journal, stamp, to_rows
from pipeline.detections.detections_file import Detection
from pipeline.detections.image_folder import ImageFile

FOUND = [Detection(2, 0.875, 0.1, 0.2, 0.3, 0.4)]


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    """Make a few files of different sizes."""
    made = []
    for number in range(4):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(b"x" * (number + 1))
        made.append(ImageFile(path.name, str(path)))
    return made


def write(journal: Journal, file: ImageFile) -> None:
    journal.add(file, width=4, height=3, detections=to_rows(FOUND))


def names(journal: Journal, files: list[ImageFile]) -> list[str]:
    return [entry["name"] for entry in journal.entries({file.name for file in files})]


def test_what_is_finished_is_kept_and_told_in_order(tmp_path: Path, files: list[ImageFile]) -> None:
    path = str(tmp_path / "work" / "journal")
    first = Journal(path, {"threshold": 0.5})
    write(first, files[1])
    write(first, files[0])
    first.close()
    again = Journal(path, {"threshold": 0.5})
    assert again.resumed == 2
    assert [again.has(file) for file in files] == [True, True, False, False]
    write(again, files[2])
    assert names(again, files) == ["1.jpg", "0.jpg", "2.jpg"]
    entry = next(again.entries({"1.jpg"}))
    assert (entry["width"], entry["height"], entry["detections"]) == (4, 3, FOUND)
    assert names(again, files[2:]) == ["2.jpg"]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_dropped_wherever_it_was_torn(tmp_path: Path, files: list[ImageFile], cut: int) -> None:
    path = tmp_path / "journal"
    first = Journal(str(path), {})
    for file in files[:3]:
        write(first, file)
    first.close()
    os.truncate(path, path.stat().st_size - cut)
    again = Journal(str(path), {})
    assert [again.has(file) for file in files] == [True, True, False, False]
    write(again, files[2])
    assert names(again, files) == ["0.jpg", "1.jpg", "2.jpg"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_other_settings_start_over(tmp_path: Path, files: list[ImageFile]) -> None:
    path = str(tmp_path / "journal")
    first = Journal(path, {"threshold": 0.5})
    write(first, files[0])
    first.close()
    other = Journal(path, {"threshold": 0.4})
    assert other.resumed == 0
    assert names(other, files) == []


def test_an_image_that_changed_is_done_again(tmp_path: Path, files: list[ImageFile]) -> None:
    journal = Journal(str(tmp_path / "journal"), {})
    write(journal, files[0])
    Path(files[0].path).write_bytes(b"another image")
    assert not journal.has(files[0])
    journal.add(files[0], width=9, height=9, detections=[])
    assert [entry["width"] for entry in journal.entries({"0.jpg"})] == [9]


def test_frames_count_once_their_video_is_finished(tmp_path: Path, files: list[ImageFile]) -> None:
    path = str(tmp_path / "journal")
    first = Journal(path, {})
    for number in (0, 5):
        first.add_part(f"0.jpg/{number:06}.jpg", width=4, height=3, seconds=number / 10, detections=to_rows(FOUND))
    first.add(files[0], frames=2)
    write(first, files[1])
    first.add_part("2.jpg/000000.jpg", width=4, height=3, seconds=0.0, detections=[])
    first.close()  # as after a kill: the second video has no end
    again = Journal(path, {})
    assert [again.has(file) for file in files] == [True, True, False, False]
    again.add(files[2], frames=0)
    told = list(again.entries({file.name for file in files}))
    assert [entry["name"] for entry in told] == ["0.jpg/000000.jpg", "0.jpg/000005.jpg", "1.jpg"]
    assert [entry.get("seconds") for entry in told] == [0.0, 0.5, None]


def test_found_before_looks_up_by_name(tmp_path: Path, files: list[ImageFile]) -> None:
    path = str(tmp_path / "journal")
    journal = Journal(path, {})
    write(journal, files[0])
    journal.add(files[1], width=1, height=1, detections=[])
    journal.close()
    found = FoundBefore(path)
    assert found.find("0.jpg") == FOUND and found.find("1.jpg") == []
    assert "2.jpg" not in found


def test_a_file_that_is_no_journal_is_written_over(tmp_path: Path, files: list[ImageFile]) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"\x00\xff no json\n{}\n")
    journal = Journal(str(path), {})
    write(journal, files[0])
    journal.close()
    assert Journal(str(path), {}).resumed == 1
    assert stamp(files[0].path).startswith("1:")
