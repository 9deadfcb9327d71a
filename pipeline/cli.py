"""The command line: arguments in, exit code out.

    odpipe train --model ssd_mobilenet_v2_quantized --dataset input/supervisely

What is for people goes to standard error; with --json the result goes to standard output.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pipeline.cli_options import DATA, EXPORT, READING, RUN, SPLITTING, TRAINING, Given, takes
from pipeline.errors import PipelineError
from pipeline.report.screen import say
from pipeline.workspace import find_root

BUG = 70
CRASH_LOG = "output/odpipe-crash.log"

app = typer.Typer(
    name="odpipe",
    help="Labelled images in; object detectors for Edge TPU, phone and browser out.\n\n"
    "The usual way: odpipe check FOLDER; odpipe train --dataset FOLDER --name cats; odpipe export --name cats; "
    "odpipe evaluate --name cats; odpipe detect --name cats --images FOLDER. "
    "Each runs only what is not up to date. Exit codes: 2 configuration, 3 data, 4 a stage, "
    "5 engine or environment, 70 a bug of ours, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Model = Annotated[str | None, typer.Option(help="A preset of pipeline/models/, such as ssd_mobilenet_v2_quantized.")]
Name = Annotated[str | None, typer.Option(help="The run's folder below output/; the model's name when not given.")]
Steps = Annotated[int | None, typer.Option(help="Training steps; the model's own number when not given.")]
BackendName = Annotated[str | None, typer.Option("--backend", help="auto, docker or local.")]
Threshold = Annotated[float | None, typer.Option(help="Lowest score of a detection that is written (default 0.5).")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]


def finish(command: Callable[[], Any], *, as_json: bool) -> None:
    """Run a verb; print its result for programs; turn our errors into a message and an exit code.

    A verb returns its result, or its result and an exit code.
    """
    try:
        answer = command()
        result, code = answer if isinstance(answer, tuple) else (answer, 0)
    except PipelineError as error:
        code = error.exit_code
        result = {"error": str(error), "hint": error.hint, "exit_code": code}
        if not error.shown:
            say(f"error: {error}")
            if error.hint:
                say(f"hint: {error.hint}")
    except KeyboardInterrupt:
        say("stopped")
        result, code = {"error": "stopped", "hint": None, "exit_code": 130}, 130
    except Exception:
        log = find_root() / CRASH_LOG
        log.parent.mkdir(exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        say(f"error: a bug of ours: {traceback.format_exc().splitlines()[-1]}")
        say(f"hint: please report it with {CRASH_LOG}")
        result, code = {"error": "bug", "hint": CRASH_LOG, "exit_code": BUG}, BUG
    if as_json:
        json.dump(result, sys.stdout, indent=1, ensure_ascii=False)
        sys.stdout.write("\n")
        sys.stdout.flush()
    raise typer.Exit(code)


@app.command()
@takes(RUN, DATA, *TRAINING)
def train(
    given: Given,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; the old run is kept under a dated name.")] = False,
    as_json: Json = False,
) -> None:
    """Convert the dataset and train, or go on training; stages that are up to date are skipped.

    A model trains well as it is: name the dataset, and look at its images first (odpipe check). With few images,
    --freeze backbone and pretrained weights keep what the model has learned elsewhere. More --epochs and a larger
    --batch help until the mAP on the test images stops rising: --patience 5 stops then.
    """
    from pipeline.commands import chains

    finish(lambda: chains.train(find_root(), given, fresh=fresh), as_json=as_json)


@app.command()
@takes(RUN, READING, SPLITTING)
def check(
    given: Given,
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="DATASET",
            help="The folder of labelled images, or a tar or zip of it (default: --dataset, else input/supervisely).",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at a dataset before hours are spent on it: read it, decode every image, and say all that is odd.

    Writes output/NAME/dataset.html and check.json. Exit code 0 when all of it can be used, 3 when something cannot
    (with --keep-going only when nothing can).
    With --json: format, images, boxes, classes, splits, findings, usable_images, usable_boxes. A second check decodes
    only what is new. It runs in this environment; --backend docker runs it in its container.
    """
    from pipeline.commands.check import check as run

    finish(lambda: run(find_root(), given | ({"dataset": path} if path else {})), as_json=as_json)


def _export_verb(verb: str, text: str) -> None:
    @takes(RUN, EXPORT)
    def command(
        given: Given,
        pbtxt: Annotated[bool, typer.Option("--pbtxt", help="Write the frozen graphs as text, too.")] = False,
        as_json: Json = False,
    ) -> None:
        from pipeline.commands import chains

        finish(lambda: chains.export(find_root(), given | {"pbtxt": pbtxt or None}, verb=verb), as_json=as_json)

    app.command(verb, help=text)(command)


_export_verb("freeze", "Freeze the best checkpoint: frozen graph, SavedModel, TFLite's graph.")
_export_verb("tflite", "Make detect.tflite (uint8 for quantized models) from the best checkpoint.")
_export_verb("tfjs", "Make the TensorFlow.js model from the best checkpoint.")
_export_verb("edgetpu", "Compile detect.tflite for the Edge TPU; needs Google's edgetpu_compiler, and is in no export.")
_export_verb("export", "Make every form of the best checkpoint: frozen graph, SavedModel, TFLite, TensorFlow.js.")


@app.command()
@takes(RUN, EXPORT)
def evaluate(given: Given, as_json: Json = False) -> None:
    """Run every exported form over the test images and show mAP, size and time of each."""
    from pipeline.commands import chains

    finish(lambda: chains.evaluate(find_root(), given), as_json=as_json)


@app.command()
def detect(
    images: Annotated[str, typer.Option(help="A folder of images (walked), or one image.")],
    model: Model = None,
    name: Name = None,
    out: Annotated[str | None, typer.Option(help="Where to write (default: output/NAME/detection).")] = None,
    graph: Annotated[str | None, typer.Option(help="Any frozen_inference_graph.pb, instead of a run.")] = None,
    labels: Annotated[str | None, typer.Option(help="Its label_map.pbtxt.")] = None,
    threshold: Threshold = None,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Detect objects in images: detection.csv, detection.json and annotated copies."""
    from pipeline.commands.detect import detect as run

    given = {"model": model, "name": name, "threshold": threshold, "backend": backend}
    finish(
        lambda: run(find_root(), given, images=images, out=out, graph=graph, labels=labels),
        as_json=as_json,
    )


@app.command()
def demo(backend: BackendName = None, steps: Steps = None, name: Name = None, as_json: Json = False) -> None:
    """Draw a sample dataset, then train, export, evaluate and detect: the whole line in a few minutes."""
    from pipeline.commands.demo import demo as run

    finish(lambda: run(find_root(), {"backend": backend, "steps": steps, "name": name}), as_json=as_json)


@app.command()
@takes(RUN, DATA, *TRAINING)
def status(given: Given, as_json: Json = False) -> None:
    """Show each stage of a run: up to date, or why not."""
    from pipeline.commands.status import status as run

    finish(lambda: run(find_root(), given), as_json=as_json)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A preset or one of its aliases.")] = None,
    variables: Annotated[bool, typer.Option("--variables", help="Build it and list {variable: shape}.")] = False,
    classes: Annotated[int | None, typer.Option(help="Classes of --variables (default: COCO's 90).")] = None,
    augmentations: Annotated[bool, typer.Option("--augmentations", help="List the words of --augment.")] = False,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """List the models: input size, published figures, what each exports to, and the hardware it is right for."""
    from pipeline.commands.models import models as run

    flags: dict[str, Any] = {"variables": variables, "augmentations": augmentations, "quiet": as_json}
    finish(lambda: run(find_root(), {"backend": backend}, name=name, classes=classes, **flags), as_json=as_json)


@app.command()
def preflight(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="Any .tflite that is not compiled yet.")] = None,
    name: Annotated[str | None, typer.Option(help="Instead of a file: the detect.tflite of this run.")] = None,
    log: Annotated[str | None, typer.Option(help="What edgetpu_compiler wrote of it, to be compared.")] = None,
    as_json: Json = False,
) -> None:
    """Say of each operator of a .tflite whether the Edge TPU takes it, and what to do; needs no compiler.

    Exit code 0 when all but the post-processing of detections runs there, 4 when something does not (or the log of the
    compiler says otherwise), 3 when the file cannot be judged: broken, no TFLite, compiled already.
    """
    from pipeline.commands.preflight import preflight as run

    finish(lambda: run(find_root(), file=file, name=name, log=log), as_json=as_json)


@app.command("keras-to-checkpoint")
def keras_to_checkpoint(
    model: Annotated[str, typer.Option(help="The architecture as .json, or a whole model as .h5 or .keras.")],
    weights: Annotated[str | None, typer.Option(help="The .h5 of its weights, where --model has none.")] = None,
    out: Annotated[
        str | None, typer.Option(help="Where to write (default: output/keras/ and the file's name).")
    ] = None,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Turn a Keras classification model into a checkpoint to fine-tune a detector from (PRETRAINED=)."""
    from pipeline.commands.keras import keras_to_checkpoint as run

    finish(lambda: run(find_root(), {"backend": backend}, model=model, weights=weights, out=out), as_json=as_json)


@app.command("test-odapi", hidden=True)
def test_odapi(
    only: Annotated[str | None, typer.Option(help="The files whose name holds this.")] = None,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Run the Object Detection API's own tests where TensorFlow is (make test-odapi)."""
    from pipeline.commands.test_odapi import test_odapi as run

    finish(lambda: run(find_root(), {"backend": backend}, only=only or ""), as_json=as_json)


@app.command()
def doctor(backend: BackendName = None, as_json: Json = False) -> None:
    """Check engine, compose, GPU, disk and interpreters; exit code 5 when a run would fail."""
    from pipeline.commands.doctor import doctor as run

    def command() -> tuple[dict[str, Any], int]:
        result, works = run(find_root(), backend=backend or "auto")
        return result, 0 if works else 5

    finish(command, as_json=as_json)


@app.command()
def build(as_json: Json = False) -> None:
    """Build the Docker images, odapi on the base that fits this machine's GPU."""
    from pipeline.commands.build import build as run

    finish(lambda: run(find_root()), as_json=as_json)


@app.command()
def tensorboard(backend: BackendName = None, port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 6006) -> None:
    """Show the curves of all runs until ^C."""
    from pipeline.commands.tensorboard import tensorboard as run

    finish(lambda: ({}, run(find_root(), backend=backend or "auto", port=port)), as_json=False)


@app.command()
def environments(as_json: Json = False) -> None:
    """Make all local environments now instead of when they are first needed."""
    from pipeline.commands.environments import environments as run

    finish(lambda: run(find_root()), as_json=as_json)


@app.command(hidden=True)
def plan(as_json: Json = False) -> None:
    """Write the specs of all stages from the environment (first service of `docker compose up`)."""
    from pipeline.commands.plan import plan as run

    finish(lambda: run(find_root()), as_json=as_json)


def main() -> None:
    """Entry point of `odpipe` and `python -m pipeline`."""
    app()
