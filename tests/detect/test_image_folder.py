from __future__ import annotations

import threading
from pathlib import Path

from pipeline.detections.image_folder import check_images, find_images, map_ahead


def test_images_are_found_in_subfolders_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.JPG", "a/z.png", "a/b/c.webp", "notes.txt", ".hidden.jpg", ".git/x.jpg", "out/annotated/b.JPG"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = find_images(str(tmp_path), skip=str(tmp_path / "out"))
    assert [file.name for file in found] == ["a/b/c.webp", "a/z.png", "b.JPG"]
    assert found[1].path == str(tmp_path / "a" / "z.png")


def test_one_file_is_a_list_of_one(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert find_images(str(tmp_path / "a.jpg")) == [("a.jpg", str(tmp_path / "a.jpg"))]


def test_a_folder_without_images_says_what_was_looked_for(tmp_path: Path) -> None:
    looked_for = ".jpg .jpeg .jpe .jfif .png .bmp .gif .webp .tif .tiff .mpo .ppm .pgm"
    assert check_images(str(tmp_path), []) == f"there are no images in {tmp_path}; looked for {looked_for} and videos"
    assert check_images(str(tmp_path / "no"), []) == f"there is nothing at {tmp_path / 'no'}"


def test_results_come_in_order_with_errors_beside_them() -> None:
    def half(number: int) -> float:
        if number == 3:
            raise ValueError("three")
        return number / 2

    answers = [(item, result, str(error)) for item, result, error in map_ahead(half, range(5), threads=2)]
    assert answers == [(0, 0.0, "None"), (1, 0.5, "None"), (2, 1.0, "None"), (3, None, "three"), (4, 2.0, "None")]


def test_only_a_few_items_are_taken_ahead() -> None:
    taken, threads = [], threading.active_count()

    def items() -> object:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_ahead(lambda number: number, items(), threads=2)  # type: ignore[arg-type]
    next(results)
    assert len(taken) == 8
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == threads
