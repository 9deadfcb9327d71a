"""Names made unique, and the files of a folder."""

from __future__ import annotations

import errno
import os
import random
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.files.tree import has_data, list_folders, resolve_inside, unique_names
from pipeline.errors import DataError


def test_only_shared_names_are_prefixed() -> None:
    files = [("train", "a.jpg"), ("val", "a.jpg"), ("val", "b.jpg"), ("", "c.jpg")]
    assert unique_names(files) == ["train_a.jpg", "val_a.jpg", "b.jpg", "c.jpg"]


def test_a_prefixed_name_that_exists_already_is_numbered() -> None:
    assert unique_names([("t", "a.jpg"), ("u", "a.jpg"), ("v", "t_a.jpg")]) == ["t_a-2.jpg", "u_a.jpg", "t_a.jpg"]


words = st.text("aA_b.", min_size=1, max_size=4)


@given(st.lists(st.tuples(words, words), unique=True), st.randoms(use_true_random=False))
def test_names_are_unique_and_the_same_in_any_order(files: list[tuple[str, str]], chance: random.Random) -> None:
    named = dict(zip(files, unique_names(files), strict=True))
    assert len({name.casefold() for name in named.values()}) == len(files)
    shuffled = list(files)
    chance.shuffle(shuffled)
    assert dict(zip(shuffled, unique_names(shuffled), strict=True)) == named


def test_hidden_files_and_links_within_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "a.jpg").touch()
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    assert list_folders(tmp_path) == {tmp_path: [], tmp_path / "inner": []}
    assert not has_data(list_folders(tmp_path))


def test_pipes_sockets_and_links_that_lead_nowhere_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "pipe2.jpg").symlink_to("pipe.jpg")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "gone.jpg").symlink_to("nothing.jpg")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(tmp_path / "socket.jpg"))
        (tmp_path / "real.jpg").touch()
        (tmp_path / "linked.jpg").symlink_to("real.jpg")
        assert list_folders(tmp_path) == {tmp_path: ["linked.jpg", "real.jpg"]}


def test_folders_in_folders_of_any_number_end_in_a_sentence(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(3000):
            os.mkdir("dd")
            os.chdir("dd")
    finally:
        os.chdir(here)
    with pytest.raises(DataError) as caught:
        list_folders(tmp_path)
    folder = str(caught.value).removesuffix(": cannot be listed: File name too long")
    assert folder.endswith("/dd/dd") and 4000 < len(folder) < 4200
    assert caught.value.hint == "look at its permissions and the length of its path"
    subprocess.run(["rm", "-r", tmp_path / "dd"], check=True)


def test_a_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:  # as the kernel refuses those who are not root
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError) as caught:
        list_folders(tmp_path)
    assert str(caught.value) == f"{tmp_path}: cannot be listed: Permission denied"


def test_a_link_out_of_the_dataset(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "dataset").mkdir()
    for name, target in (("a.jpg", "../secret"), ("b", "/etc"), ("c", "../dataset-2")):
        link = tmp_path / "dataset" / name
        link.symlink_to(target)
        with pytest.raises(DataError) as caught:
            list_folders(tmp_path / "dataset")
        real = os.path.realpath(link)
        assert str(caught.value) == f"{link} is a link to {real}, outside the dataset {tmp_path / 'dataset'}"
        assert caught.value.hint == "copy the files into the dataset folder"
        link.unlink()


def test_a_dataset_behind_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").touch()
    (tmp_path / "link").symlink_to("real")
    assert list_folders(tmp_path / "link") == {tmp_path / "link": ["a.jpg"]}


def test_names_with_line_breaks_are_names(tmp_path: Path) -> None:
    (tmp_path / "a\nb.jpg").touch()
    assert list_folders(tmp_path) == {tmp_path: ["a\nb.jpg"]}


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/a.jpg", "b/../../a.jpg", "..", "C:a.jpg", "C:\\a.jpg", "..\\a.jpg", "a\0b", "link", "in/x"]
)
def test_a_name_that_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret.jpg")
    (folder / "in").symlink_to(tmp_path)
    with pytest.raises(DataError) as caught:
        resolve_inside(folder, name, "a.json")
    assert str(caught.value) == f"a.json: {name!r} leads out of {folder}"
    assert caught.value.hint == "name files inside the folder only"


@pytest.mark.parametrize(
    "name", ["a.jpg", "sub/a.jpg", "./a.jpg", "a b.jpg", "é.jpg", "..a.jpg", "a..jpg", "loop/a.jpg", "here.jpg"]
)
def test_a_name_within_its_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "here.jpg").symlink_to("there.jpg")
    assert resolve_inside(tmp_path, name, "a.json") == tmp_path / name
