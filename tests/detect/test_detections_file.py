from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.detections.detections_file import (
    Detection,
    DetectionsWriter,
    Header,
    ImageDetections,
    measure_size_bytes,
    read_detections,
    to_detections,
    to_pixels,
)

HEADER = Header("tflite", "ai-edge-litert 2.3.0", 1234)


def image_with(*scores: float) -> ImageDetections:
    detections = [Detection(1, score, 0.1, 0.2, 0.3, 0.4) for score in scores]
    return ImageDetections("7", "größe.jpg", 40, 30, 1.2344, detections)


def test_what_is_written_is_read_back_best_first(tmp_path: Path) -> None:
    path = str(tmp_path / "tflite.jsonl")
    with DetectionsWriter(path, HEADER) as writer:
        writer.write(image_with(0.25, 0.75))
    header, images = read_detections(path)
    assert header._replace(memory_bytes=None) == HEADER
    assert list(images) == [image_with(0.75, 0.25)._replace(ms=1.234)]
    assert "größe.jpg" in Path(path).read_text(encoding="utf-8")


def test_the_memory_is_filled_in_when_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "tflite.jsonl"
    ballast = b"x" * 50_000_000
    with DetectionsWriter(str(path), HEADER) as writer:
        writer.write(image_with(0.5))
        assert '"memory_bytes": null' in path.read_text() or not path.read_text()
    header, images = read_detections(str(path))
    assert header.memory_bytes is not None and len(ballast) < header.memory_bytes < 20_000_000_000
    assert len(list(images)) == 1


def test_memory_that_was_measured_elsewhere_and_that_of_no_run_is_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "a.jsonl")
    for header in (HEADER._replace(memory_bytes=5, memory_shared=True), HEADER._replace(not_run="no Chromium here")):
        DetectionsWriter(path, header).close()
        assert read_detections(path)[0] == header


def test_a_file_of_before_memory_was_measured_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"artefact": "tflite", "runtime": "ai-edge-litert 2.3.0", "size_bytes": 1234}\n')
    assert read_detections(str(path))[0] == HEADER


def test_at_most_a_hundred_detections_are_kept(tmp_path: Path) -> None:
    path = str(tmp_path / "tflite.jsonl")
    with DetectionsWriter(path, HEADER) as writer:
        writer.write(image_with(*[number / 200 for number in range(1, 121)]))
    (image,) = read_detections(path)[1]
    assert [len(image.detections), image.detections[-1].score] == [100, 0.105]


def test_empty_slots_of_a_detector_s_answer_are_left_out() -> None:
    found = to_detections([[0, 0, 1, 1], [0, 0, 0, 0]], [2.0, 1.0], [0.5, 0.0])
    assert found == [Detection(2, 0.5, 0, 0, 1, 1)]


def test_boxes_are_cut_at_the_image_s_edges() -> None:
    assert to_pixels(Detection(1, 0.5, -0.1, 0.5, 0.5, 1.2), 200, 100) == (100, 0, 200, 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{}\n",
            """:1: wanted {"artefact": ..., "runtime": ..., "size_bytes": ...} first, found KeyError('artefact')""",
        ),
        ('{"artefact": "a", "runtime": "r", "size_bytes": 1}\n{"sou', ":2: not JSON: Unterminated string starting at"),
        (
            '{"artefact": "a", "runtime": "r", "size_bytes": 1}\n{"source_id": "1"}\n',
            ":2: not the detections of an image: KeyError('filename')",
        ),
    ],
)
def test_a_damaged_file_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match="a.jsonl") as error:
        list(read_detections(str(path))[1])
    assert str(error.value).startswith(str(path) + message)


def test_the_size_of_a_folder_is_the_sum_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"12345")
    (tmp_path / "variables" / "data").write_bytes(b"123")
    assert [measure_size_bytes(str(tmp_path)), measure_size_bytes(str(tmp_path / "saved_model.pb"))] == [8, 5]
