"""Frigate's folder: read here as Frigate reads it, from a model that others trained too."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from pipeline.config import parse_settings
from pipeline.errors import DataError
from pipeline.frigate.fit import Size, check_fit
from pipeline.frigate.settings import format_labels
from pipeline.jobs.frigate import main, write_frigate
from pipeline.planner import make_plan
from pipeline.preflight.tflite_file import parse_model, read_model
from pipeline.receipts import write_json
from pipeline.stages import frigate
from tests.preflight.models import Builder
from tests.project import shared_data


def load_labels(path: Path) -> dict[int, str]:
    """Read a label map by the rules of Frigate: numbered when the first line begins with a number."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines[0].split(" ", maxsplit=1)[0].isdigit():
        return {int(number): label.strip() for number, label in (line.split(" ", maxsplit=1) for line in lines)}
    return {number: line.strip() for number, line in enumerate(lines)}


def detector(
    *, kind: str = "UINT8", shape: tuple[int, ...] = (1, 8, 8, 3), order: tuple[int, ...] = (0, 1, 2, 3)
) -> Builder:
    builder = Builder()
    image = builder.given(list(shape), kind, name="image")
    outputs = [builder.tensor([], "FLOAT32", name=f"post:{place}") for place in range(4)]
    builder.operator("CUSTOM", [image], outputs, custom="TFLite_Detection_PostProcess")
    builder.graph.outputs = [outputs[place] for place in order]
    return builder


def fit(builder: Builder) -> Size:
    return check_fit(parse_model(builder.pack(), name="detect.tflite"), name="detect.tflite")


def test_a_detector_fits_with_its_size() -> None:
    assert fit(detector(shape=(1, 240, 320, 3))) == Size(width=320, height=240)


def without_post_processing() -> Builder:
    builder = Builder()
    builder.convolution(builder.given([1, 8, 8, 3]))
    return builder


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        (detector(kind="FLOAT32"), "its input image is float32; Frigate gives pixels as uint8"),
        (detector(kind="INT8"), "its input image is int8; Frigate gives pixels as uint8"),
        (detector(shape=(1, 3, 8, 8)), "its input image is [1, 3, 8, 8]; Frigate gives [1, height, width, 3]"),
        (detector(shape=(2, 8, 8, 3)), "its input image is [2, 8, 8, 3]; Frigate gives [1, height, width, 3]"),
        (
            detector(order=(1, 0, 2, 3)),
            "its outputs are post:1, post:0, post:2, post:3; Frigate reads by position boxes, class ids, scores, count",
        ),
        (without_post_processing(), "it has no TFLite_Detection_PostProcess, whose outputs Frigate reads"),
    ],
)
def test_what_frigate_would_misread_is_refused(builder: Builder, message: str) -> None:
    with pytest.raises(DataError) as refused:
        fit(builder)
    assert str(refused.value) == f"detect.tflite: {message}"


@pytest.mark.parametrize("labels", [["cat", "dog"], ["2 wheeler", "4 wheeler"], ["7"], ["Straße", "交通"], ["a  b"]])
def test_labels_are_read_back_by_number(tmp_path: Path, labels: list[str]) -> None:
    path = tmp_path / "labelmap.txt"
    path.write_text(format_labels(labels), encoding="utf-8")
    assert load_labels(path) == dict(enumerate(labels))


@pytest.mark.parametrize("label", ["", " ", "two\nlines"])
def test_a_label_that_is_no_line_is_refused(label: str) -> None:
    with pytest.raises(DataError, match="cannot stand on one line"):
        format_labels(["cat", label])


@pytest.fixture
def tflite_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "tflite"
    folder.mkdir()
    detector(shape=(1, 240, 320, 3)).write(folder / "detect.tflite")
    (folder / "labels.txt").write_text("yes\n2 wheeler\n")
    return folder


def test_the_settings_are_yaml_that_names_what_lies_beside(tflite_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "edgetpu").mkdir()
    (tmp_path / "edgetpu/detect_edgetpu.tflite").write_bytes(b"compiled")
    flags = ("--name", "cats", "--tflite-dir", str(tflite_dir), "--edgetpu-dir", str(tmp_path / "edgetpu"))
    main([*flags, "--frigate-dir", str(tmp_path / "cats")])
    made = sorted(path.name for path in (tmp_path / "cats").iterdir())
    assert made == ["config.coral.yml", "config.cpu.yml", "detect.tflite", "detect_edgetpu.tflite", "labelmap.txt"]
    for kind, model, wanted in (
        ("cpu", "detect.tflite", {"cpu": {"type": "cpu", "num_threads": 1}}),
        ("coral", "detect_edgetpu.tflite", {"coral": {"type": "edgetpu", "device": "usb"}}),
    ):
        found = yaml.safe_load((tmp_path / f"cats/config.{kind}.yml").read_text())
        assert found == {
            "detectors": wanted,
            "model": {
                "path": f"/config/cats/{model}",
                "labelmap_path": "/config/cats/labelmap.txt",
                "width": 320,
                "height": 240,
                "input_tensor": "nhwc",
                "input_pixel_format": "rgb",
                "model_type": "ssd",
            },
            "objects": {"track": ["yes", "2 wheeler"]},
        }


def test_nothing_is_written_of_a_model_that_does_not_fit(tflite_dir: Path, tmp_path: Path) -> None:
    detector(kind="FLOAT32").write(tflite_dir / "detect.tflite")
    with pytest.raises(DataError):
        write_frigate("cats", tflite_dir, tmp_path / "cats")
    assert not (tmp_path / "cats").exists()


def test_a_real_model_read_as_frigate_reads_it_finds_what_is_in_the_photos(tmp_path: Path) -> None:
    source = shared_data() / "mobiledet_dogcat"
    folder = tmp_path / "tflite"
    folder.mkdir()
    shutil.copyfile(source / "ssdlite_mobiledet_dog_vs_cat.tflite", folder / "detect.tflite")
    (folder / "labels.txt").write_text("one\ntwo\n")
    write_frigate("pets", folder, tmp_path / "pets")
    settings = yaml.safe_load((tmp_path / "pets/config.cpu.yml").read_text())
    labels = load_labels(tmp_path / "pets/labelmap.txt")
    size = check_fit(read_model(tmp_path / "pets/detect.tflite"), name="pets")
    assert (settings["model"]["width"], settings["model"]["height"]) == (size.width, size.height)
    threads = settings["detectors"]["cpu"]["num_threads"]
    interpreter = Interpreter(model_path=str(tmp_path / "pets/detect.tflite"), num_threads=threads)
    interpreter.allocate_tensors()
    outputs = interpreter.get_output_details()
    for photo in sorted((source / "test_images").iterdir()):
        pixels = np.asarray(Image.open(photo).convert("RGB").resize((size.width, size.height)))[np.newaxis]
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        boxes, classes, scores, count = (interpreter.get_tensor(output["index"])[0] for output in outputs)
        assert int(count) >= 1 and scores[0] > 0.85 and list(scores) == sorted(scores, reverse=True), photo.name
        assert int(classes[0]) in labels and boxes.shape[1] == 4 and boxes[0][2] > boxes[0][0]


def test_as_a_stage_it_takes_the_compiled_model_where_there_is_one(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, parse_settings({"model": "ssd_mobilenet_v2_quantized", "name": "cats"}))
    job = frigate.job(plan)
    assert job.skip is None
    assert job.outputs["frigate"].path == "output/cats/frigate"
    assert set(job.inputs["edgetpu"].only) == {"preflight.json", "detect_edgetpu.tflite"}
    float_plan = make_plan(tmp_path, parse_settings({"model": "ssd_mobilenet_v2", "name": "cats"}))
    assert frigate.job(float_plan).skip is None  # int8 after training, with uint8 pixels as input
    two_stages = make_plan(tmp_path, parse_settings({"model": "faster_rcnn_resnet50", "name": "cats"}))
    assert frigate.job(two_stages).skip
    (tmp_path / "letterbox.config").write_text("model { ssd { image_resizer { keep_aspect_ratio_resizer {} } } }")
    letterbox = make_plan(tmp_path, parse_settings({"config": "letterbox.config", "name": "cats"}))
    assert frigate.job(letterbox).skip == (
        "the model's images keep their ratio of sides (keep_aspect_ratio_resizer), and Frigate stretches them"
    )


def test_a_model_that_no_coral_takes_has_no_settings_for_one(
    tflite_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    refusals = [
        {"why": "it is too wide", "compiler_ends_with": None},
        {"why": "compiler 16.0, the last, does not know it", "compiler_ends_with": "Didn't find op"},
    ]
    for on_tpu, names in ((7, ["config.coral.yml", "config.cpu.yml"]), (0, ["config.cpu.yml"])):
        write_json(str(tmp_path / "edgetpu/preflight.json"), {"on_tpu": on_tpu, "refusals": refusals})
        write_frigate("cats", tflite_dir, tmp_path / f"cats{on_tpu}", edgetpu_dir=tmp_path / "edgetpu")
        assert sorted(path.name for path in (tmp_path / f"cats{on_tpu}").glob("*.yml")) == names
    assert capfd.readouterr().err.splitlines()[-1] == (
        "frigate  320x240 pixels, 2 classes; paste config.cpu.yml; not for a Coral: compiler 16.0, the last, does not "
        "know it"
    )
