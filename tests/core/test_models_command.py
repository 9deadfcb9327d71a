"""`odpipe models`: the list, one preset, and the variables of its network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.commands import models as command
from pipeline.commands.models import models
from pipeline.errors import ConfigError
from pipeline.models import preset_names, read_preset
from pipeline.report.model_table import WIDTH, render_model, render_model_table
from tests.project import copy_project, need_environment

ZOO_PAGE = "https://github.com/tensorflow/models/blob/master/research/object_detection/g3doc/tf1_detection_zoo.md"


def test_the_list_names_every_preset_with_figures_exports_and_hardware(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = models(tmp_path, {}, name=None)
    assert [model["name"] for model in answer["models"]] == preset_names()
    assert answer["default"] == "ssd_mobilenet_v2_quantized"
    shown = capsys.readouterr().err.splitlines()
    assert all(len(line) <= WIDTH for line in shown)
    columns = "{:<37}  {:>8}  {:>6}  {:>4}  {:<31}  {}".format
    assert shown[0] == columns("model", "input", "params", "mAP", "an image takes", "exports to")
    assert columns(
        "ssd_mobilenet_v2_quantized (default)", "300x300", "6.1M", "22", "29 ms on GTX TITAN X, 600x600",
        "TFLite, Edge TPU, TF.js",
    ) in shown  # fmt: skip
    assert columns("embedded_ssd_mobilenet_v1", "256x256", "0.3M", "-", "-", "TFLite, Edge TPU, TF.js") in shown
    after = shown.index(columns("rfcn_resnet101", "600x1024", "68.5M", "30", "92 ms on GTX TITAN X, 600x600", "TF.js"))
    assert shown[after + 1] == "    Server GPUs, for images with many objects."
    assert shown[-2:] == [f"  {ZOO_PAGE}", "  https://arxiv.org/abs/1506.01497"]
    assert len(shown) == 1 + 2 * len(preset_names()) + 1 + 2


def test_one_preset_is_shown_in_full_and_an_alias_means_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = models(tmp_path, {}, name="ssd_mobiledet_edgetpu_coco")
    assert capsys.readouterr().err == render_model(answer) + "\n"
    assert render_model(answer).splitlines() == [
        "ssdlite_mobiledet_edgetpu",
        "  SSDLite on MobileDet's backbone for the Edge TPU at 320x320 pixels (https://arxiv.org/abs/2004.14525), "
        "trained for",
        "  uint8: the last fifth of the steps runs with simulated quantization. In floating point it "
        "reaches mAP 25.9 on COCO.",
        "  input        320x320 pixels (height x width)",
        "  parameters   4,146,543 at 90 classes",
        "  published    mAP 25.6 on COCO, 6.9 ms on Pixel 4 Edge TPU;",
        f"               {ZOO_PAGE}",
        "  exports to   TFLite, Edge TPU, TF.js",
        "  hardware     Edge TPU (Coral, Pixel 4): the best mAP published for it.",
        "  defaults     20000 steps, 8 images a step",
        "  weights      http://download.tensorflow.org/models/object_detection/"
        "ssdlite_mobiledet_edgetpu_320x320_coco_2020_05_19.tar.gz",
        "  also called  ssd_mobiledet_edgetpu_coco, ssdlite_mobiledet_edgetpu_320x320_coco_sync_4x4,",
        "               ssdlite_mobiledet_edgetpu_320x320_coco_2020_05_19",
    ]  # fmt: skip


def test_a_preset_as_json_holds_all_but_its_recipe() -> None:
    assert read_preset("ssd_mobilenet_v1").to_json() == {
        "name": "ssd_mobilenet_v1",
        "summary": "SSD MobileNet V1 at 300x300 pixels in floating point: the plainest network of the zoo, of "
        "depthwise and 1x1 convolutions only, which every runtime knows. Its variables are those of the zoo's "
        "ssd_mobilenet_v1_coco.",
        "aliases": [
            "ssd_mobilenet_v1_coco", "ssd_mobilenet_v1_coco_2018_01_28", "ssd_mobilenet_v1_300x300_coco14_sync",
        ],
        "zoo": "ssd_mobilenet_v1_coco_2018_01_28",
        "zoo_url": "http://download.tensorflow.org/models/object_detection/ssd_mobilenet_v1_coco_2018_01_28.tar.gz",
        "parameters": 6819839,
        "published": {
            "coco_map": 21.0, "latency_ms": 30.0, "latency_on": "GTX TITAN X, 600x600", "source": ZOO_PAGE,
        },
        "exports": ["tflite", "edgetpu", "tfjs"],
        "hardware": "Old or plain runtimes on CPU and GPU; elsewhere ssdlite_mobilenet_v2 is smaller and better.",
        "architecture": "ssd",
        "quantized": False,
        "input_height": 300,
        "input_width": 300,
        "steps": 20000,
        "batch": 8,
    }  # fmt: skip


def test_nothing_published_is_shown_as_a_dash() -> None:
    shown = render_model(read_preset("embedded_ssd_mobilenet_v1").to_json()).splitlines()
    assert "  published    -" in shown
    assert "  weights      none published" in shown
    table = render_model_table([read_preset("embedded_ssd_mobilenet_v1").to_json()], default="cats").splitlines()
    assert table[-1].endswith("where they say nothing:")


def test_a_program_gets_the_answer_without_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert models(tmp_path, {}, name="ssd_mobilenet_v1", quiet=True)["name"] == "ssd_mobilenet_v1"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("flags", "message", "hint"),
    [
        ({"name": "rfcn_resnet51"}, f"unknown model 'rfcn_resnet51'; known: {', '.join(preset_names())}",
         "did you mean 'rfcn_resnet101'?"),
        ({"name": None, "variables": True}, "--variables needs a model",
         "odpipe models ssd_mobilenet_v2_quantized --variables"),
        ({"name": "ssd_mobilenet_v1", "classes": 3}, "--classes only changes --variables",
         "odpipe models NAME --variables --classes 3"),
        ({"name": "ssd_mobilenet_v1", "variables": True, "classes": 0}, "--classes is 0; wanted at least 1", None),
    ],
)  # fmt: skip
def test_flags_that_fit_nothing_are_refused_before_anything_runs(
    tmp_path: Path, flags: dict[str, object], message: str, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        models(tmp_path, {"backend": "local"}, **flags)  # type: ignore[arg-type]
    assert (str(caught.value), caught.value.hint) == (message, hint)
    assert list(tmp_path.iterdir()) == []


class FakeBackend:
    """Runs the job's spec as `run_job.py` would, with variables made up."""

    NAME = "fake"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.prepared: list[str] = []

    def prepare(self, image: str) -> None:
        self.prepared.append(image)

    def run_job(self, stage: str, *, image: str, run: str, reads: object = (), writes: object = ()) -> int:
        spec = json.loads((self.root / "output" / run / ".jobs" / f"{stage}.json").read_text())
        model = json.loads((self.root / spec["inputs"]["model"]["path"]).read_text())
        assert (spec["always"], image, model["name"]) == (True, "odapi", "ssd_mobilenet_v1")
        classes = int(spec["command"][spec["command"].index("--classes") + 1])
        found = {"Logits/weights": [1, 1, 8, classes + 1], "scale": []}
        (self.root / spec["outputs"]["variables"]["path"]).write_text(json.dumps(found))
        return 0


@pytest.mark.parametrize(("classes", "width"), [(None, 91), (3, 4)])
def test_variables_are_asked_of_the_odapi_image_for_90_classes_or_so_many(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    classes: int | None,
    width: int,
) -> None:
    backend = FakeBackend(tmp_path)
    monkeypatch.setattr(command, "choose_backend", lambda name, root: backend)
    answer = models(tmp_path, {}, name="ssd_mobilenet_v1_coco", variables=True, classes=classes)
    assert answer == {"Logits/weights": [1, 1, 8, width], "scale": []}
    assert backend.prepared == ["odapi"]
    assert capsys.readouterr().err == f"Logits/weights  1x1x8x{width}\nscale           scalar\n2 variables\n"


@pytest.mark.odapi
def test_the_real_network_is_built_and_listed(tmp_path: Path) -> None:
    need_environment("odapi")
    root = copy_project(tmp_path / "project", environments=True)
    shapes = models(root, {"backend": "local"}, name="embedded_ssd_mobilenet_v1", variables=True, classes=3)
    assert len(shapes) == 185
    assert shapes["FeatureExtractor/MobilenetV1/Conv2d_0/weights"] == [3, 3, 3, 16]
    assert shapes["BoxPredictor_0/ClassPredictor/weights"] == [1, 1, 64, 12]
    assert "global_step" not in shapes
