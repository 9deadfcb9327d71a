"""Untrusted annotation files: only our error type ever comes out, and nothing outside the dataset is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.datasets.files.tree import list_folders
from pipeline.datasets.formats.supervisely import dataset as supervisely
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import Project


def test_a_class_title_that_is_no_text_is_refused(tmp_path: Path) -> None:
    Project(tmp_path).add("a.png")
    (tmp_path / "meta.json").write_text('{"classes": [{"title": "\\ud800"}]}')
    with pytest.raises(DataError) as caught:
        supervisely.read(tmp_path, Problems())
    assert str(caught.value) == f"{tmp_path / 'meta.json'}: class 1 has a title that is not Unicode text: '\\ud800'"


def test_a_file_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.jpg")).touch()
    with pytest.raises(DataError) as caught:
        list_folders(tmp_path)
    assert str(caught.value) == f"{tmp_path}: a file name that is not UTF-8: 'a\\udcff.jpg'"
