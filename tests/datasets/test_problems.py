"""What is found in a dataset can always be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.formats.supervisely import dataset as supervisely
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import Project, messages


def test_halves_of_characters_in_an_annotation_are_escaped(tmp_path: Path) -> None:
    project = Project(tmp_path)
    path = project.add("a.png", {"classTitle": "\ud800"})
    with pytest.raises(DataError) as caught:
        supervisely.read(tmp_path, Problems())
    assert str(caught.value) == (f"{path}: object 1 has class '\\ud800', which meta.json does not list; it lists: cat")
    path = project.add("a.png", {"classTitle": "cat", "geometryType": "\ud800"})
    problems = Problems()
    supervisely.read(tmp_path, problems)
    assert messages(problems) == {"object_skipped": [f"{path}: object 1 (\\ud800)"], "label_unused": ["cat"]}
