"""The main job with `docker compose` alone, for real: train two steps, export, evaluate, and what goes wrong.

The tests of this module follow one run and stand in its order.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from pipeline.stages import CHAINS
from tests.containers.conftest import OWNER, RUN, Clone, draw_supervisely, run
from tests.detect.films import write_film
from tests.project import copy_project, need_environment

pytestmark = pytest.mark.containers

GATE = "checkpoint-from_docker-compose-up-train"


def test_up_export_without_a_checkpoint_fails_and_says_what_to_run(clone: Clone) -> None:
    done = clone.compose("up", "export", **RUN)
    assert done.returncode != 0
    assert f'service "{GATE}" didn\'t complete successfully: exit 4' in done.stdout
    told = clone.compose("logs", "--no-log-prefix", GATE, **RUN).stdout.splitlines()
    assert told == ["error: output/cats/train has no checkpoint", "hint: NAME=cats docker compose up train"]
    assert not (clone.root / "output" / "cats" / "frozen").exists()


def test_up_train_without_a_dataset_fails_and_makes_no_folder(clone: Clone) -> None:
    done = clone.compose("up", "train", **RUN)
    assert done.returncode != 0
    assert f"bind source path does not exist: {clone.root}/input/supervisely" in done.stdout
    assert not (clone.root / "input" / "supervisely").exists()


def test_up_check_says_what_is_wrong_and_ends_well(clone: Clone, tmp_path: Path) -> None:
    dataset = draw_supervisely(tmp_path / "my images")
    (dataset / "ds" / "img" / "3.jpg").write_bytes(b"no image")
    # Not with its dependencies attached: compose then stops it when the first of them has ended
    done = clone.compose("up", "check", NAME="bad", DATASET=str(dataset))
    assert done.returncode == 0, done.stdout
    found = json.loads((clone.root / "output" / "bad" / "check.json").read_text())
    assert (found["usable_images"], found["findings"]["image_unreadable"]) == (7, 1)
    assert f"{dataset}/ds/img/3.jpg" in found["items"][0]["message"]
    assert "next: mend them, or KEEP_GOING=1" in done.stdout
    stopped = clone.compose("up", "records", NAME="bad", DATASET=str(dataset))
    assert stopped.returncode != 0


def test_up_check_reads_a_dataset_in_a_tar(clone: Clone, tmp_path: Path) -> None:
    dataset = draw_supervisely(tmp_path / "my images")
    packed = tmp_path / "my images.tar"
    with tarfile.open(packed, "w") as archive:
        archive.add(dataset, arcname="my images")
    done = clone.compose("up", "--exit-code-from", "check", "check", NAME="packed", DATASET=str(packed))
    assert done.returncode == 0, done.stdout
    found = json.loads((clone.root / "output" / "packed" / "check.json").read_text())
    assert (found["format"], found["usable_images"], found["usable_boxes"]) == ("supervisely", 8, 16)


def test_up_train_reads_a_dataset_from_anywhere_and_leaves_a_checkpoint(clone: Clone, tmp_path: Path) -> None:
    dataset = draw_supervisely(tmp_path / "my images")
    before = sorted(path.relative_to(dataset) for path in dataset.rglob("*"))
    done = clone.compose(
        "up", "--attach-dependencies", "--exit-code-from", "train", "train", **RUN, DATASET=str(dataset)
    )
    assert done.returncode == 0, done.stdout
    train = clone.root / "output" / "cats" / "train"
    assert 'model_checkpoint_path: "model.ckpt-2"' in (train / "checkpoint").read_text()
    assert sorted(path.relative_to(dataset) for path in dataset.rglob("*")) == before


def test_up_export_makes_both_models_of_the_last_checkpoint(clone: Clone) -> None:
    done = clone.compose("up", "export", **RUN)
    assert done.returncode == 0, done.stdout
    output = clone.root / "output" / "cats"
    assert files_of(output / "tflite") == ["detect.tflite", "detect_float.tflite", "labels.txt", "model.json"]
    assert {"labels.json", "model.json"} < set(files_of(output / "tensorflow_js"))
    assert (output / "tflite" / "labels.txt").read_text() == "red\nblue\n"
    assert json.loads((output / "tensorflow_js" / "labels.json").read_text()) == ["red", "blue"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give the project to another user")
def test_all_files_belong_to_the_owner_of_the_project(clone: Clone) -> None:
    assert clone.owners() == {(OWNER, OWNER)}


def test_a_second_up_export_has_nothing_to_do(clone: Clone) -> None:
    done = clone.compose("up", "--attach-dependencies", "export", **RUN)
    assert done.returncode == 0
    told = Counter(line.split("|")[1].strip() for line in done.stdout.splitlines() if "up to date" in line)
    assert told == {f"{stage}  up to date": 1 for stage in CHAINS["export"]}


def test_the_local_backend_makes_the_same_files_of_the_same_checkpoint(clone: Clone, tmp_path: Path) -> None:
    for image in ("odapi", "toco", "tfjs"):
        need_environment(image)
    local = copy_project(tmp_path / "local", environments=True)
    trained = local / "output" / "cats"
    trained.mkdir()
    run("cp", "-a", str(clone.root / "output" / "cats" / "train"), str(trained))
    command = (sys.executable, "-m", "pipeline", "export", "--name", "cats", "--backend", "local")
    done = run(*command, cwd=local, env={**os.environ, "ODPIPE_ROOT": str(local)})
    assert done.returncode == 0, done.stdout
    made, wanted = trained, clone.root / "output" / "cats"
    for folder in ("frozen", "tflite", "tensorflow_js"):
        assert files_of(made / folder) == files_of(wanted / folder)
    assert tflite_form(made / "tflite" / "detect.tflite") == tflite_form(wanted / "tflite" / "detect.tflite")
    assert tfjs_form(made / "tensorflow_js") == tfjs_form(wanted / "tensorflow_js")


def test_up_evaluate_scores_every_artefact(clone: Clone) -> None:
    done = clone.compose("up", "--attach-dependencies", "--exit-code-from", "evaluate", "evaluate", **RUN)
    assert done.returncode == 0, done.stdout
    metrics = json.loads((clone.root / "output" / "cats" / "evaluation" / "metrics.json").read_text())
    assert [row["artefact"] for row in metrics] == [
        "checkpoint", "frozen_graph", "saved_model", "tflite", "tflite_float", "tflite_fast_nms", "tfjs", "tfjs_fast",
        "tfjs_chromium",
    ]  # fmt: skip


def odpipe(clone: Clone, *arguments: str) -> dict[str, Any]:
    """Run the orchestrator of the host on the Docker backend; return its result."""
    command = [sys.executable, "-m", "pipeline", *arguments, "--backend", "docker", "--json"]
    done = subprocess.run(command, cwd=clone.root, env=clone.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_after_up_export_the_host_has_nothing_to_do(clone: Clone) -> None:
    result = odpipe(clone, "export", "--name", "cats")
    assert {stage["stage"]: stage["reason"] for stage in result["stages"] if stage["state"] != "up_to_date"} == {}


def test_the_host_runs_a_stale_stage_in_its_container(clone: Clone) -> None:
    (clone.root / "output" / "cats" / "tflite" / "labels.txt").unlink()
    result = odpipe(clone, "export", "--name", "cats")
    states = {stage["stage"]: stage["state"] for stage in result["stages"]}
    assert (states["freeze"], states["tflite"], states["tfjs"]) == ("up_to_date", "done", "up_to_date")
    again = clone.compose("up", "export", **RUN)
    assert again.returncode == 0, again.stdout
    assert "export  up to date" in again.stdout


def test_the_host_detects_in_a_container_in_folders_outside_the_project(clone: Clone, tmp_path: Path) -> None:
    images = draw_supervisely(tmp_path / "drawn") / "ds" / "img"
    for out in ("out", "by_graph"):
        (tmp_path / out).mkdir()
        if os.geteuid() == 0:
            os.chown(tmp_path / out, OWNER, OWNER)
    odpipe(clone, "detect", "--name", "cats", "--images", str(images), "--out", str(tmp_path / "out"))
    frozen = clone.root / "output" / "cats" / "frozen"
    graph = ("--graph", str(frozen / "frozen_inference_graph.pb"), "--labels", str(frozen / "label_map.pbtxt"))
    odpipe(clone, "detect", *graph, "--images", str(images), "--out", str(tmp_path / "by_graph"))
    for out in ("out", "by_graph"):
        assert (tmp_path / out / "detection.csv").read_text().startswith("filename,width,height,class,score,")
        assert len(list((tmp_path / out / "annotated").iterdir())) == 8


@pytest.mark.parametrize("artefact", ["checkpoint", "tfjs_fast"])
def test_a_film_is_detected_in_by_runtimes_that_read_no_films(clone: Clone, tmp_path: Path, artefact: str) -> None:
    (tmp_path / "films").mkdir()
    write_film(tmp_path / "films" / "a.mp4", frames=3)
    flags = ("--artefact", artefact, "--threshold", "0", "--max", "2", "--save", "voc")
    odpipe(clone, "detect", str(tmp_path / "films"), "--name", "cats", *flags)
    found = clone.root / "output" / "cats" / "detection"
    names = {line.split(",")[0] for line in (found / "detection.csv").read_text().splitlines()[1:]}
    assert names == {f"a.mp4/{number:06}.jpg" for number in range(3)}
    assert files_of(found / "annotated") == ["a.mp4"]
    assert len(list((found / "voc").rglob("*.xml"))) == 3
    assert {path.stat().st_uid for path in found.rglob("*")} == {(clone.root / "output").stat().st_uid}
    shutil.rmtree(found)


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def test_up_web_shows_the_model_on_this_machine(clone: Clone) -> None:
    port = free_port()
    done = clone.compose("up", "--detach", "--wait", "--wait-timeout", "120", "web", **RUN, PORT=str(port))
    assert done.returncode == 0, done.stdout
    address = f"http://127.0.0.1:{port}/"
    models = json.loads(urlopen(address + "models.json", timeout=10).read())["models"]
    for file in (
        "",
        models[0]["detector"],
        models[0]["builds"][0]["url"] + "detector.json",
        "tfjs/tf-backend-webgpu.js",
    ):
        assert urlopen(address + file, timeout=10).status == 200
    said = clone.compose("logs", "web", **RUN).stdout
    clone.compose("stop", "--timeout", "2", "web", **RUN)
    assert [model["name"] for model in models] == ["cats"]
    assert f"web: http://127.0.0.1:{port}/ (^C ends it)" in said


def test_up_tensorboard_answers_on_this_machine(clone: Clone) -> None:
    port = free_port()
    done = clone.compose("up", "--detach", "--wait", "--wait-timeout", "120", "tensorboard", **RUN, PORT=str(port))
    assert done.returncode == 0, done.stdout
    runs = json.loads(urlopen(f"http://127.0.0.1:{port}/data/runs", timeout=10).read())
    clone.compose("stop", "--timeout", "2", "tensorboard", **RUN)
    assert "cats/train" in runs


def files_of(folder: Path) -> list[str]:
    """Return the relative paths of a folder's files, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def tflite_form(path: Path) -> dict[str, Any]:
    """Return a TFLite file's inputs, outputs and operators, in order."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), experimental_preserve_all_tensors=True)

    def tensors(details: list[dict[str, Any]]) -> list[tuple[str, list[int], str]]:
        return [(tensor["name"], tensor["shape"].tolist(), str(tensor["dtype"])) for tensor in details]

    return {
        "inputs": tensors(interpreter.get_input_details()),
        "outputs": tensors(interpreter.get_output_details()),
        "operators": [operator["op_name"] for operator in interpreter._get_ops_details()],
    }


def tfjs_form(folder: Path) -> dict[str, Any]:
    """Return a TensorFlow.js model's signature and operators, and the names and shapes of its weights."""
    model = json.loads((folder / "model.json").read_text())
    weights = [(one["name"], one["shape"]) for group in model["weightsManifest"] for one in group["weights"]]
    operators = [(node["name"], node["op"]) for node in model["modelTopology"]["node"]]
    return {"signature": model["signature"], "operators": sorted(operators), "weights": sorted(weights)}
