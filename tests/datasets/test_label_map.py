"""label_map.pbtxt: names stay intact, ids start at 1."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets.label_map import format_label_map, read_label_ids, read_label_map
from pipeline.errors import DataError


def write(folder: Path, text: str) -> Path:
    path = folder / "label_map.pbtxt"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_looks_as_people_write_it() -> None:
    assert format_label_map(("cat", 'a "b"')) == (
        'item {\n  id: 1\n  name: "cat"\n}\nitem {\n  id: 2\n  name: "a \\"b\\""\n}\n'
    )


@given(names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, unique=True))
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("map") / "label_map.pbtxt"
    path.write_bytes(format_label_map(tuple(names)).encode())
    assert read_label_map(path) == names


def test_other_people_s_spellings_are_read(tmp_path: Path) -> None:
    text = """# comment { with bracket
    item: { name: 'it\\'s', id: 3 display_name: "x"; }
    item < id:1, name : "caf\\303\\251" ' noir' keypoints { id: 9 label: "no" } >
    """
    assert read_label_ids(write(tmp_path, text)) == {"it's": 3, "café noir": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item { id: 0 name: 'a' }", "item 1 ('a') has id 0; ids start at 1, 0 is the background"),
        ("item { name: 'a' }", "item 1 ('a') has id nothing; ids start at 1, 0 is the background"),
        ("item { id: 1 }", "item 1 has no name"),
        ("item { id: 1 name: 'a' } item { id: 1 name: 'b' }", "two items have id 1"),
        ("item { id: 1 name: 'a' } item { id: 2 name: 'a' }", "two items are called 'a'"),
        (
            "item { id: 1 name: 'a' } item { id: 3 name: 'b' }",
            "label ids must be 1, 2, 3, ... without a gap; found: 1, 3",
        ),
        ("", "no item in it; wanted item { id: 1 name: '...' }"),
        ("item { id: 1 name: 'a'", "an item that does not end: a closing bracket is missing"),
    ],
)
def test_a_bad_label_map_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_label_map(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item {\n id: 1 name: 'a\n}", "2: a quote that does not end"),
        ("}", "1: a closing bracket too many"),
        ("thing { }", "1: found 'thing', wanted item { ... }"),
        ("item { id: 1 name: '\\377' }", "1: a name that is not UTF-8"),
    ],
)
def test_bad_syntax_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_label_map(path)
    assert str(caught.value) == f"{path}:{message}"


@given(st.text(alphabet="item{}<>:id name'\"\\0123\n#,;é", max_size=80))
def test_only_our_error_ever_comes_out(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("map") / "label_map.pbtxt"
    path.write_bytes(text.encode())
    with contextlib.suppress(DataError):
        read_label_map(path)
