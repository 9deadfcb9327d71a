from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.detecting.inputs import Inputs, find_inputs
from pipeline.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make photos/{a.jpg,b.PNG,sub/c.jpg,sub/notes.txt}, clips/d.mp4, empty/."""
    for name in ("photos/a.jpg", "photos/b.PNG", "photos/sub/c.jpg", "photos/sub/notes.txt", "clips/d.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


def find(folder: Path, *given: str) -> Inputs:
    return find_inputs(folder, given, skip=folder / "out")


@pytest.mark.parametrize(
    ("given", "base", "names"),
    [
        (["photos"], "photos", ["a.jpg", "b.PNG", "sub/c.jpg"]),
        (["photos/a.jpg"], "photos", ["a.jpg"]),
        (["clips/d.mp4"], "clips", ["d.mp4"]),
        (["photos/*.jpg"], "photos", ["a.jpg"]),
        (["photos/*"], "photos", ["a.jpg", "b.PNG", "sub/c.jpg"]),
        (["photos/**/*.jpg"], "photos", ["a.jpg", "sub/c.jpg"]),
        (["**/*.[jm]p*"], "", ["clips/d.mp4", "photos/a.jpg", "photos/sub/c.jpg"]),
        (["photos/sub", "clips"], "", ["clips/d.mp4", "photos/sub/c.jpg"]),
        (["photos/a.jpg", "photos/sub/c.jpg", "photos/a.jpg"], "photos", ["a.jpg", "sub/c.jpg"]),
        (["photos/sub/notes.txt"], "photos/sub", ["notes.txt"]),
    ],
)
def test_folders_files_and_patterns(folder: Path, given: list[str], base: str, names: list[str]) -> None:
    assert find(folder, *given) == Inputs(folder / base, names)


def test_results_within_the_folder_are_no_input(folder: Path) -> None:
    for name in ("out/annotated/a.jpg", "photos/.hidden.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert find(folder, ".").names == ["clips/d.mp4", "photos/a.jpg", "photos/b.PNG", "photos/sub/c.jpg"]
    assert find(folder, "**/*.jpg").names == ["photos/a.jpg", "photos/sub/c.jpg"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(folder: Path) -> None:
    (folder / "photos" / "IMG[1].jpg").touch()
    assert find(folder, "photos/IMG[1].jpg").names == ["IMG[1].jpg"]


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ([], ConfigError, "no images are named"),
        (["nowhere"], ConfigError, "there is nothing at nowhere"),
        (["empty"], DataError, "there are no images in empty; looked for .jpg "),
        (["photos/*.tif"], DataError, "no image matches photos/*.tif; looked for .jpg "),
    ],
)
def test_nothing_to_detect_in_is_an_error(folder: Path, given: list[str], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as error:
        find(folder, *given)
    assert str(error.value).startswith(said)
