"""One device and several: the same steps, the same checkpoints, and what cannot be had is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.odapi.conftest import small_preset, write_preset
from tests.odapi.test_train import run_code

pytestmark = pytest.mark.odapi

TRY = Path(__file__).with_name("try_devices.py")


@pytest.fixture(scope="module")
def tried(odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp("devices")
    model = write_preset(folder, small_preset())
    command = [str(odapi_python), str(TRY), str(model), str(records), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_take_the_steps_of_one_with_the_whole_batch(tried):
    one, two = tried["one"], tried["two"]
    assert one["names"] == two["names"]
    assert two["losses"] == pytest.approx([loss / 2 for loss in one["losses"]], rel=1e-3)
    assert min(one["losses"][2:]) < one["losses"][0]
    assert (one["step"], two["step"]) == (6, 6)


def test_checkpoints_of_one_device_and_of_several_are_the_same_and_resume_each_other(tried):
    one, two, again = tried["one"], tried["two"], tried["again"]
    assert one["variables"] == two["variables"] == again["variables"]
    assert again["step"] == 7
    # The first batch comes again: with the weights that two devices made, its loss is what one device's would be
    assert again["losses"][0] < one["losses"][0]


def test_averages_of_the_weights_are_those_of_one_device(tried):
    assert len(tried["apart"]) > 50
    assert max(tried["apart"].values()) < 0.05


def test_a_step_knows_its_images_and_boxes(tried):
    shapes = tried["two"]["shapes"]
    assert shapes == tried["one"]["shapes"] == {
        "filename": [8], "boxes": [8, 100, 4], "classes": [8, 100], "box_count": [8], "gradient_norm": [],
    }  # fmt: skip
    assert all(name.endswith(".jpg") for name in tried["one"]["names"])


def test_more_gpus_than_there_are_and_uneven_batches_are_refused(odapi_python: Path):
    code = """
import json, os
from configs import training_options
from training import devices
said = []
def tell(message, hint=None, exit_code=3):
    raise SystemExit([message, hint, exit_code])
devices.fail = tell
for virtual, batch, options in ((0, 8, {"gpus": 2}), (0, 8, {"gpus": 2, "device": "cpu"}), (0, 8, {"device": "gpu"}),
                                (2, 8, {"gpus": 3}), (2, 7, {"gpus": 2}), (2, 8, {"gpus": 2}), (0, 8, {})):
    os.environ["ODPIPE_VIRTUAL_DEVICES"] = str(virtual)
    try:
        devices.choose(training_options.make_options(**options), batch=batch)
        said.append(None)
    except SystemExit as end:
        said.append(end.code)
print(json.dumps(said))
"""
    none = "TensorFlow sees no GPU: there is no NVIDIA device here"
    assert json.loads(run_code(odapi_python, code)) == [
        [f"GPUS=2, but {none}", "leave GPUS out", 2],
        ["GPUS=2, but DEVICE=cpu hides them", "leave GPUS out", 2],
        [f"DEVICE=gpu, but {none}", "make doctor says which GPU the engine can hand on; DEVICE=cpu trains without", 2],
        ["GPUS=3, but there are 2", "GPUS=2", 2],
        ["a batch of 7 images cannot be shared by 2 GPUs", "BATCH=6 or BATCH=8", 2],
        None,
        None,
    ]  # fmt: skip
