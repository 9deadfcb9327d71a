"""The notebook: run from its first cell to its last against a trained run, and in git without anything of a machine."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.detections.detections_file import ImageDetections, read_detections
from pipeline.fidelity.truth import read_truth
from pipeline.run_report.matching import RIGHT, match_image
from tests.conftest import TINY
from tests.docs import markdown
from tests.docs.test_docs import MAKE, problems_of
from tests.project import ROOT, need_environment

NOTEBOOK = ROOT / "docs/detect.ipynb"
FIGURES = ["labels", "boxes", "sweep", "confusion", "worst"]
RESULTS = """
import json
print(json.dumps({
    "names": names,
    "images": [image.name for image in images],
    "labels": labels,
    "thresholds": thresholds.tolist(),
    "believed": believed.tolist(),
    "correct": correct.tolist(),
    "f1": f1.tolist(),
    "threshold": THRESHOLD,
    "table": table.tolist(),
    "found": {
        form: [[one.tolist() for one in detect(decode(image))] for image in images]
        for form, detect in detectors.items()
    },
}))
"""

Cell = dict[str, Any]


def execute(path: Path) -> subprocess.CompletedProcess[str]:
    """Run all cells of a notebook where it lies, and save it with what came out."""
    command = [need_environment("jupyter"), "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", path]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def write_copy(root: Path, run: str, *more: str) -> Path:
    """Write a copy that is about a run, with more cells at its end, into a folder that is shaped like the project."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    assert first["source"][0] == 'RUN = "demo"  # a folder of output/\n'
    first["source"][0] = f'RUN = "{run}"\n'
    for number, source in enumerate(more):
        code = {"cell_type": "code", "id": f"more-{number}", "metadata": {}, "outputs": [], "execution_count": None}
        notebook["cells"].append({**code, "source": source})
    (root / "container_scripts").mkdir(parents=True, exist_ok=True)
    path = root / "output/notebooks/copy.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def cells(tiny_run_dir: Path, tiny_records_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cell]:
    """The cells after a run over the tiny detector, by their names."""
    root = tmp_path_factory.mktemp("notebook")
    (root / "input/tf_records").mkdir(parents=True)
    (root / "output").mkdir()
    (root / "output" / TINY).symlink_to(tiny_run_dir)
    (root / "input/tf_records" / TINY).symlink_to(tiny_records_dir)
    path = write_copy(root, TINY, RESULTS)
    done = execute(path)
    assert done.returncode == 0, done.stderr
    return {cell["id"]: cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}


@pytest.fixture(scope="module")
def results(cells: dict[str, Cell]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(cells["more-0"]["outputs"][0]["text"]))
    return found


@pytest.mark.odapi
def test_every_cell_runs_without_a_word_on_stderr(cells: dict[str, Cell]) -> None:
    for name, cell in cells.items():
        said = [output for output in cell.get("outputs", []) if output.get("name") == "stderr"]
        assert said == [], name


@pytest.mark.odapi
def test_the_figures_are_pictures_with_something_on_them(cells: dict[str, Cell]) -> None:
    pictures = {}
    for name, cell in cells.items():
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                encoded = base64.b64decode(output["data"]["image/png"])
                pictures[name] = Image.open(io.BytesIO(encoded)).convert("RGB")
    assert list(pictures) == FIGURES
    for picture in pictures.values():
        assert min(picture.size) >= 200
        assert len(picture.getcolors(maxcolors=1 << 24) or []) > 100


@pytest.mark.odapi
def test_the_counts_are_those_of_the_report(
    results: dict[str, Any], tiny_run_dir: Path, tiny_records_dir: Path
) -> None:
    _, truth = read_truth(tiny_records_dir)
    assert len(results["images"]) == len(truth)
    assert results["labels"] == sum(len(image.class_ids) for image in truth)
    scores, right = [], []
    for image, found in zip(truth, read_evaluated(tiny_run_dir, "frozen_graph"), strict=True):
        size = np.array([image.width, image.height, image.width, image.height])
        matches = match_image(
            boxes=np.array(image.boxes, dtype=float).reshape(-1, 4) / size,
            class_ids=np.array(image.class_ids, dtype=np.int32),
            ignored=np.array(image.ignored, dtype=bool),
            found_boxes=np.array([[one[3], one[2], one[5], one[4]] for one in found.detections], dtype=float),
            found_classes=np.array([one.class_id for one in found.detections], dtype=np.int32),
            scores=np.array([one.score for one in found.detections], dtype=float),
        )
        scores += [one.score for one in found.detections]
        right += (matches.kinds == RIGHT).tolist()
    above = np.array(scores) >= np.array(results["thresholds"])[:, np.newaxis]
    assert results["believed"] == above.sum(axis=1).tolist()
    assert results["correct"] == (above & np.array(right)).sum(axis=1).tolist()


def read_evaluated(run: Path, artefact: str) -> list[ImageDetections]:
    """Return what `make evaluate` has found with one form of the model."""
    (path,) = (run / "evaluation").glob(f"*/{artefact}.jsonl")
    return list(read_detections(str(path))[1])


@pytest.mark.odapi
def test_the_confusion_counts_each_label_and_each_detection_once(results: dict[str, Any]) -> None:
    table = np.array(results["table"])
    chosen = results["thresholds"].index(results["threshold"])
    assert results["f1"][chosen] == max(results["f1"])
    assert table.shape == (len(results["names"]) + 1,) * 2
    assert table[:-1].sum() == results["labels"]
    assert table[:, :-1].sum() == results["believed"][chosen]
    assert table.diagonal()[:-1].sum() == results["correct"][chosen]
    assert table[-1, -1] == 0


@pytest.mark.odapi
@pytest.mark.parametrize(("form", "artefact"), [("frozen graph", "frozen_graph"), ("SavedModel", "saved_model")])
def test_tensorflow_finds_what_the_evaluation_has_found(
    results: dict[str, Any], tiny_run_dir: Path, form: str, artefact: str
) -> None:
    for wanted, (_, classes, scores) in zip(
        read_evaluated(tiny_run_dir, artefact), results["found"][form], strict=True
    ):
        assert classes == [one.class_id for one in wanted.detections]
        assert scores == pytest.approx([one.score for one in wanted.detections], abs=1e-5)


@pytest.mark.odapi
def test_tflite_finds_the_best_that_the_evaluation_has_found(results: dict[str, Any], tiny_run_dir: Path) -> None:
    """In another runtime, which rounds otherwise; but pixels, outputs and classes are taken for what they are."""
    for wanted, found in zip(read_evaluated(tiny_run_dir, "tflite"), results["found"]["TFLite"], strict=True):
        best = wanted.detections[0]
        boxes, classes, scores = found
        assert len(scores) == 20
        assert any(
            (class_id, score, *box) == pytest.approx(best, abs=0.05)
            for box, class_id, score in zip(boxes, classes, scores, strict=True)
        )


@pytest.mark.odapi
def test_a_run_that_is_not_there_is_said_with_those_that_are(tiny_run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / TINY).symlink_to(tiny_run_dir)
    done = execute(write_copy(tmp_path, "cats"))
    assert done.returncode != 0
    assert "output/cats has no frozen graph (make export NAME=cats); there are: tiny" in done.stderr


@pytest.mark.odapi
def test_clearing_it_as_documented_gives_the_file_in_git(tmp_path: Path) -> None:
    copy = tmp_path / "detect.ipynb"
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            executed = {"scrolled": True, "execution": {"iopub.execute_input": "2020-01-01T00:00:00Z"}}
            text = {"output_type": "stream", "name": "stdout", "text": "42\n"}
            cell.update(execution_count=7, outputs=[text], metadata=executed)
    notebook["metadata"] = {"kernelspec": {"name": "mine", "display_name": "Mine"}, "language_info": {"name": "python"}}
    notebook["metadata"]["language_info"]["version"] = "3.7.16"
    copy.write_text(json.dumps(notebook), encoding="utf-8")
    documented = "-m nbconvert --clear-output --ClearMetadataPreprocessor.enabled=True --inplace"
    subprocess.run([need_environment("jupyter"), *documented.split(), copy], check=True, capture_output=True)
    assert copy.read_bytes() == NOTEBOOK.read_bytes()


def test_nothing_of_a_machine_is_in_git() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert notebook["metadata"] == {"language_info": {"name": "python"}}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}, cell["id"]
        if cell["cell_type"] == "code":
            assert (cell["execution_count"], cell["outputs"]) == (None, []), cell["id"]
    assert re.findall(r"(?:^|[\s\"'(=])(?:/[a-z]+/|~/|[A-Z]:\\\\)\S*", text, re.MULTILINE) == []


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the notebook says between its cells, as a document that lies where it does."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    path = tmp_path_factory.mktemp("project") / "docs/detect.md"
    path.parent.mkdir()
    path.write_text("\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))
    return path


def test_its_links_lead_to_documents_that_are_there(words: Path) -> None:
    links = markdown.read_links(words)
    assert len(links) > 5
    for link in links:
        assert (ROOT / "docs" / link).is_file(), link


def test_make_has_the_verbs_that_it_names(words: Path) -> None:
    commands = [found for line in markdown.read_commands(words) for found in MAKE.findall(line)]
    assert len(commands) > 3
    assert problems_of(commands) == set()
