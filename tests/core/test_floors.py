"""The house: who may import whom, how long a file may be, and what no file may hold."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from pipeline.code import imported_modules

ROOT = Path(__file__).resolve().parents[2]

# From the street up: a room imports from its own floor and from those after it, never from one before.
FLOORS: list[tuple[str, ...]] = [
    ("cli", "__main__"),
    ("verbs",),
    ("commands",),
    ("runner",),
    ("planner",),
    ("stages", "jobs"),
    ("detecting",),
    (
        "plan",
        "backends",
        "code",
        "fidelity",
        "metrics",
        "detections",
        "explain",
        "preflight",
        "frigate",
        "bundle",
        "run_report",
        "sample",
    ),
    ("config", "receipts", "models", "records"),
    ("datasets", "archives", "pretrained", "checks", "report", "workspace"),
    ("training_settings",),
    ("tolerance",),
    ("suggest", "cores", "core_count", "machine", "version", "tfrecord", "augmentations"),
    ("errors",),
]
# The same inside pipeline/datasets, whose rooms would else grow into one again.
DATASETS_FLOORS: list[tuple[str, ...]] = [
    ("formats",),
    ("tf_csv",),
    ("pairing", "boxes", "shares", "label_maps"),
    ("splitting",),
    ("images",),
    ("files",),
    ("model", "problems", "findings", "label_map", "collection"),
]
LIMIT_LINES = 300


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def floor(name: str, floors: list[tuple[str, ...]] = FLOORS) -> int:
    return next(number for number, rooms in enumerate(floors) if name in rooms)


PYTHON_FILES = sorted(path for path in (ROOT / "pipeline").rglob("*.py"))
DATASETS_FILES = [path for path in PYTHON_FILES if path.is_relative_to(ROOT / "pipeline/datasets")]


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if module == "pipeline.__init__":
        return
    here = floor(room(module))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for imported in imported_modules(tree):
        if imported.startswith("pipeline.") and room(imported) != room(module):
            assert floor(room(imported)) >= here, f"{module} imports {imported}, which is a floor above it"


@pytest.mark.parametrize("path", DATASETS_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_between_the_rooms_of_datasets_go_downwards(path: Path) -> None:
    here = path.relative_to(ROOT / "pipeline/datasets").with_suffix("").parts
    if here == ("__init__",):
        return
    for imported in imported_modules(ast.parse(path.read_text(encoding="utf-8"))):
        if not imported.startswith("pipeline.datasets."):
            continue
        there = imported.split(".")[2:]
        above = floor(there[0], DATASETS_FLOORS) < floor(here[0], DATASETS_FLOORS)
        assert not above, f"{'.'.join(here)} imports {imported}, which is a floor above it"
        if here[0] == there[0] == "formats" and here[1] != "registry":
            assert there[1:2] in ([], [here[1]]), f"{'.'.join(here)} imports {imported}: a format knows no other"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_walls_stand(path: Path) -> None:
    name = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    imported = set(imported_modules(ast.parse(path.read_text(encoding="utf-8"))))
    assert "tensorflow" not in {module.split(".")[0] for module in imported}
    if name == "stages":
        assert not imported & {"subprocess", "multiprocessing", "pipeline.backends"}, "stages start nothing"
    if name == "backends":
        assert not any(module.startswith("pipeline.stages") for module in imported), "backends know no stage"
    if name == "datasets":
        known = ("pipeline.backends", "pipeline.stages", "pipeline.plan", "docker")
        assert not any(module.startswith(known) for module in imported), "datasets know no container"


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_is_too_long() -> None:
    code = [path for path in tracked_files() if path.suffix in {".py", ".sh", ".mjs", ".js"}]
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in code}
    assert {path: lines for path, lines in long.items() if lines > LIMIT_LINES} == {}


def test_no_room_is_called_utils() -> None:
    assert [path for path in tracked_files() if path.stem in {"utils", "helpers", "common", "misc"}] == []


def test_no_path_of_one_machine_is_in_a_file() -> None:
    words = [str(Path.home() / ".pyenv"), str(ROOT), str(ROOT.parent / "shared")]
    for path in tracked_files():
        text = path.read_bytes()
        found = [word for word in words if word.encode() in text]
        assert not found, f"{path.relative_to(ROOT)} holds {found[0]}"
