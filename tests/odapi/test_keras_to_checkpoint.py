"""Keras files of three generations, and wrong ones, through the converter in the real environment."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import odpipe
from tests.odapi.conftest import run
from tests.project import ROOT, copy_project, need_environment

pytestmark = pytest.mark.odapi

FILES = ROOT / "tests/odapi/keras_files"
KERAS_2, KERAS_3 = FILES / "2.15", FILES / "3.15"
READABLE = {
    "keras 2 architecture and weights": ["--model", KERAS_2 / "classifier.json", "--weights", KERAS_2 / "legacy.h5"],
    "keras 2 weights of the newer kind": [
        "--model", KERAS_2 / "classifier.json", "--weights", KERAS_2 / "classifier.weights.h5",
    ],
    "keras 2 whole": ["--model", KERAS_2 / "classifier.h5"],
    "keras 3 architecture and weights": [
        "--model", KERAS_3 / "classifier.json", "--weights", KERAS_3 / "classifier.weights.h5",
    ],
    "keras 3 whole h5": ["--model", KERAS_3 / "classifier.h5"],
    "keras 3 whole": ["--model", KERAS_3 / "classifier.keras"],
    "one generation's weights for the other's architecture": [
        "--model", KERAS_3 / "classifier.json", "--weights", KERAS_2 / "classifier.h5",
    ],
}  # fmt: skip


def steps(size: int, start: int) -> list[float]:
    """Return the values that make_keras_files.py gives to a weight."""
    return [start + number / 64 for number in range(size)]


WEIGHTS = {
    "block1_conv1/kernel": steps(108, 0),
    "block1_conv1/bias": steps(4, 1),
    "bn/gamma": steps(4, 10),
    "bn/beta": steps(4, 11),
    "bn/moving_mean": steps(4, 12),
    "bn/moving_variance": steps(4, 13),
    "predictions/kernel": steps(24, 20),
    "predictions/bias": steps(3, 21),
}


def changed(folder: Path, name: str, change: Any) -> Path:
    """Write the architecture of Keras 2 with something changed in it."""
    model = json.loads((KERAS_2 / "classifier.json").read_text())
    change(model["config"]["layers"])
    path = folder / f"{name}.json"
    path.write_text(json.dumps(model))
    return path


def layer_of(layers: list[dict[str, Any]], name: str) -> dict[str, Any]:
    inner = [layer for outer in layers if "layers" in outer["config"] for layer in outer["config"]["layers"]]
    return next(layer for layer in [*layers, *inner] if layer["config"]["name"] == name)


def wrong_files(folder: Path) -> dict[str, tuple[list[Any], int, str, str | None]]:
    """Return {case: (flags, exit code, error, hint)}."""
    legacy = KERAS_2 / "legacy.h5"
    cut = folder / "cut.h5"
    cut.write_bytes(legacy.read_bytes()[:3000])
    (folder / "not.json").write_text('{"class_name": "Sequential", ')
    (folder / "pointer.h5").write_text("version https://git-lfs.github.com/spec/v1\n")
    (folder / "list.json").write_text("[1]")
    (folder / "folder").mkdir()
    other = json.loads((KERAS_2 / "classifier.json").read_text())
    other["config"]["layers"][-1]["config"]["units"] = 5
    (folder / "other.json").write_text(json.dumps(other))
    lacking = changed(folder, "lacking", lambda layers: layers.pop())
    custom = changed(folder, "custom", lambda layers: layer_of(layers, "dropout").update(class_name="Dropblock"))
    code = changed(folder, "lambda", lambda layers: layer_of(layers, "flip").update(class_name="Lambda"))
    grouped = changed(folder, "grouped", lambda layers: layer_of(layers, "block1_conv1")["config"].update(groups=2))
    shapeless = changed(folder, "shapeless", lambda layers: [layers.pop(0), layers.pop(1)])
    same = "both have to come from one model: model.to_json() and model.save_weights('weights.h5')"
    return {
        "missing": (["--model", folder / "none.json"], 2, f"{folder}/none.json: No such file or directory", None),
        "architecture alone": (
            ["--model", KERAS_2 / "classifier.json"], 2,
            f"{KERAS_2}/classifier.json holds an architecture without weights",
            "--weights weights.h5 (of model.save_weights), or --model model.h5 with both in it",
        ),
        "weights alone": (
            ["--model", legacy], 2, f"{legacy} holds weights without an architecture",
            f"--model model.json (of model.to_json()) --weights {legacy}",
        ),
        "a folder": (
            ["--model", folder / "folder"], 2,
            f"{folder}/folder is a folder, a SavedModel perhaps; wanted a .json or .h5 file",
            "model = tf.keras.models.load_model(FOLDER); model.save('model.h5')",
        ),
        "not JSON": (
            ["--model", folder / "not.json", "--weights", legacy], 3,
            f"{folder}/not.json: not JSON: "
            "Expecting property name enclosed in double quotes: line 1 column 30 (char 29)",
            "write it with model.to_json()",
        ),
        "a list": (
            ["--model", folder / "list.json", "--weights", legacy], 3,
            f"{folder}/list.json: JSON, but a list; wanted what model.to_json() gives", None,
        ),
        "not HDF5": (
            ["--model", KERAS_2 / "classifier.json", "--weights", folder / "pointer.h5"], 3,
            f"{folder}/pointer.h5: not a file of Keras' weights (HDF5 or .keras); it begins with b'version '",
            "write it with model.save_weights('weights.h5') or model.save('model.h5')",
        ),
        "other shape": (
            ["--model", folder / "other.json", "--weights", legacy], 3,
            f"{legacy}: layer 'predictions': predictions/kernel is 8x3; wanted 8x5", same,
        ),
        "layer too many": (
            ["--model", lacking, "--weights", legacy], 3,
            f"{legacy}: weights of predictions, which the model does not have", same,
        ),
        "custom layer": (
            ["--model", custom, "--weights", legacy], 3,
            f"{custom}: layer 'dropout' is a Dropblock, which TensorFlow 1.15's Keras does not have",
            "save a model of Keras' own layers: tf.keras.Model(model.input, model.get_layer('...').output) "
            "keeps what comes before it",
        ),
        "code": (
            ["--model", code, "--weights", legacy], 3,
            f"{code}: layer 'flip' is a Lambda: it holds code, which is not run out of a file",
            "save a model without it: what it computes before the first convolution is no part of the weights",
        ),
        "grouped": (
            ["--model", grouped, "--weights", legacy], 3,
            f"{grouped}: layer 'block1_conv1' has groups = 2, which TensorFlow 1.15's Keras cannot do",
            "a detector of this environment cannot hold such a layer",
        ),
        "no shape": (
            ["--model", shapeless, "--weights", legacy], 3,
            f"{shapeless}: says nothing of the images' shape, on which the weights' shapes depend",
            "call the model once, or begin with tf.keras.Input((224, 224, 3)), before saving it",
        ),
    }  # fmt: skip


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[Any], int, str, str | None]]:
    return wrong_files(tmp_path_factory.mktemp("wrong"))


@pytest.fixture(scope="module")
def converted(odapi_python: Path, wrong: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All cases in one process of the odapi environment."""
    folder = tmp_path_factory.mktemp("converted")
    flags = READABLE | {name: case[0] for name, case in wrong.items()}
    flags["cut"] = ["--model", KERAS_2 / "classifier.json", "--weights", wrong["other shape"][0][1].parent / "cut.h5"]
    cases = {name: {"flags": list(map(str, each)), "out": str(folder / name)} for name, each in flags.items()}
    (folder / "cases.json").write_text(json.dumps(cases))
    script = ROOT / "tests/odapi/keras_conversions.py"
    done = run([str(odapi_python), str(script), f"--cases={folder}/cases.json", f"--report={folder}/report.json"])
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "report.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", READABLE)
def test_a_file_of_any_keras_gives_the_same_checkpoint(name: str, converted: dict[str, Any]) -> None:
    assert converted[name]["exit_code"] == 0, converted[name]["shown"]
    assert converted[name]["arrays"] == WEIGHTS


def test_what_was_found_is_shown_layer_by_layer(converted: dict[str, Any]) -> None:
    *layers, written, nobody, hint = converted["keras 3 whole"]["shown"]
    assert [" ".join(line.split()) for line in layers] == [
        "base/block1_conv1 kernel 3x3x3x4 bias 4 112",
        "base/bn gamma 4 beta 4 moving_mean 4 moving_variance 4 16",
        "predictions kernel 8x3 bias 3 27",
    ]
    assert written.endswith("keras 3 whole/model.ckpt: 8 variables, 155 parameters, 0.0 MB")
    assert nobody == "no feature extractor here has layers of these names and shapes; known: faster_rcnn_vgg16"
    assert hint == "next: write one, as CONTRIBUTING.md says under 'A feature extractor of your own'"


def test_a_wrong_file_is_told_of_and_nothing_is_written(wrong: dict[str, Any], converted: dict[str, Any]) -> None:
    for name, (_, exit_code, error, hint) in wrong.items():
        found = converted[name]
        shown = [f"error: {error}"] + ([f"hint: {hint}"] if hint else [])
        assert (found["exit_code"], found["shown"], found["arrays"]) == (exit_code, shown, {}), name


def test_a_cut_file_is_told_of(converted: dict[str, Any]) -> None:
    assert converted["cut"]["exit_code"] == 3
    assert "cut.h5: HDF5 that cannot be read, cut off perhaps: " in converted["cut"]["shown"][0]


def test_a_vgg16_whose_layers_keras_numbered_is_known_by_its_shapes(converted: dict[str, Any]) -> None:
    found = converted["rename"]
    assert found["names"][:3] == ["block1_conv1/kernel", "block1_conv1/bias", "block1_conv2/kernel"]
    assert found["names"][-5:] == ["fc1/kernel", "fc1/bias", "fc2/kernel", "fc2/bias", "dense_2/kernel"]
    assert found["renamed"]["conv2d_12"] == "block5_conv3"
    assert len(found["renamed"]) == 15
    assert found["of_a_shorter_one"] == {}


def test_the_command_converts_and_says_which_file_is_wrong(tmp_path: Path) -> None:
    need_environment("odapi")
    root = copy_project(tmp_path / "project", environments=True)
    shutil.copy(KERAS_3 / "classifier.keras", root / "input")
    flags = ("keras-to-checkpoint", "--backend", "local", "--json")
    done = odpipe(root, *flags, "--model", "input/classifier.keras")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["checkpoint"] == "output/keras/classifier/model.ckpt"
    assert answer["variables"]["predictions/kernel"] == [8, 3]
    assert "output/keras/classifier/model.ckpt: 8 variables" in done.stderr
    folder = root / "output/keras/classifier"
    assert {path.name for path in folder.iterdir()} == {
        "model.ckpt.index", "model.ckpt.data-00000-of-00001", "keras.json",
    }  # fmt: skip
    missing = odpipe(root, *flags, "--model", "none.json")
    assert (missing.returncode, json.loads(missing.stdout)["error"]) == (2, "no model at none.json")
    alone = odpipe(root, *flags, "--model", str(KERAS_2 / "legacy.h5"), "--out", str(tmp_path / "mine"))
    assert alone.returncode == 2
    assert json.loads(alone.stdout)["error"] == f"{KERAS_2}/legacy.h5 holds weights without an architecture"
