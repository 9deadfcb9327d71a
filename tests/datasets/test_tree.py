"""Names made unique, and the files of a folder."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.tree import has_data, list_folders, unique_names


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
