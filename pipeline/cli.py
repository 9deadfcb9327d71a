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
Dataset = Annotated[
    str | None, typer.Option(help="The folder of labelled images, or a tar or zip of it (default: input/supervisely).")
]
Format = Annotated[str | None, typer.Option(help="The dataset's format; found out when not given.")]
GroupBy = Annotated[
    str | None,
    typer.Option(help="Keep images of one scene together in the split: folder, or a regular expression with a group."),
]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Leave out what cannot be used, naming it, instead of stopping.")
]
MaxSide = Annotated[
    int | None, typer.Option(help="Longest side of a photo in the records; 0 keeps all (default: fits the model).")
]
Balance = Annotated[str | None, typer.Option(help="Weigh boxes by the rarity of their class: none, sqrt or inverse.")]
Steps = Annotated[int | None, typer.Option(help="Training steps; the model's own number when not given.")]
Batch = Annotated[int | None, typer.Option(help="Images a training step.")]
Seed = Annotated[int | None, typer.Option(help="Of the split, the shuffling and the training.")]
Config = Annotated[str | None, typer.Option(help="Train from this pipeline.config instead of the model's own.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads of training (default: all cores).")]
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
def train(
    model: Model = None, name: Name = None, dataset: Dataset = None, format: Format = None, steps: Steps = None,
    batch: Batch = None, seed: Seed = None, config: Config = None, threads: Threads = None,
    group_by: GroupBy = None, keep_going: KeepGoing = False, max_side: MaxSide = None, balance: Balance = None,
    backend: BackendName = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; the old run is kept under a dated name.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Convert the dataset and train, or go on training; stages that are up to date are skipped."""
    from pipeline.commands import chains

    given = {
        "model": model, "name": name, "dataset": dataset, "format": format, "steps": steps, "batch": batch,
        "seed": seed, "config": config, "threads": threads, "backend": backend,
        "group_by": group_by, "keep_going": keep_going or None, "max_side": max_side, "balance": balance,
    }  # fmt: skip
    finish(lambda: chains.train(find_root(), given, fresh=fresh), as_json=as_json)


@app.command()
def check(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="DATASET",
            help="The folder of labelled images, or a tar or zip of it (default: --dataset, else input/supervisely).",
            show_default=False,
        ),
    ] = None,
    dataset: Dataset = None, format: Format = None, name: Name = None, model: Model = None, group_by: GroupBy = None,
    keep_going: KeepGoing = False, seed: Seed = None, config: Config = None, backend: BackendName = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Look at a dataset before hours are spent on it: read it, decode every image, and say all that is odd.

    Writes output/NAME/dataset.html and check.json. Exit code 0 when all of it can be used, 3 when something cannot
    (with --keep-going only when nothing can).
    With --json: format, images, boxes, classes, splits, findings, usable_images, usable_boxes. A second check decodes
    only what is new. It runs in this environment; --backend docker runs it in its container.
    """
    from pipeline.commands.check import check as run

    given = {
        "dataset": path or dataset, "format": format, "name": name, "model": model, "group_by": group_by,
        "keep_going": keep_going or None, "seed": seed, "config": config, "backend": backend,
    }  # fmt: skip
    finish(lambda: run(find_root(), given), as_json=as_json)


def _export_verb(verb: str, text: str) -> None:
    def command(
        model: Model = None,
        name: Name = None,
        backend: BackendName = None,
        pbtxt: Annotated[bool, typer.Option("--pbtxt", help="Write the frozen graphs as text, too.")] = False,
        as_json: Json = False,
    ) -> None:
        from pipeline.commands import chains

        given = {"model": model, "name": name, "backend": backend, "pbtxt": pbtxt or None}
        finish(lambda: chains.export(find_root(), given, verb=verb), as_json=as_json)

    app.command(verb, help=text)(command)


_export_verb("freeze", "Freeze the last checkpoint: frozen graph, SavedModel, TFLite's graph.")
_export_verb("tflite", "Make detect.tflite (uint8 for quantized models) from the last checkpoint.")
_export_verb("tfjs", "Make the TensorFlow.js model from the last checkpoint.")
_export_verb("export", "Make every form of the last checkpoint: frozen graph, SavedModel, TFLite, TensorFlow.js.")


@app.command()
def evaluate(model: Model = None, name: Name = None, backend: BackendName = None, as_json: Json = False) -> None:
    """Run every exported form over the test images and show mAP, size and time of each."""
    from pipeline.commands import chains

    given = {"model": model, "name": name, "backend": backend}
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
def status(
    model: Model = None, name: Name = None, dataset: Dataset = None, format: Format = None, steps: Steps = None,
    batch: Batch = None, seed: Seed = None, config: Config = None, group_by: GroupBy = None,
    keep_going: KeepGoing = False, max_side: MaxSide = None, balance: Balance = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show each stage of a run: up to date, or why not."""
    from pipeline.commands.status import status as run

    given = {
        "model": model, "name": name, "dataset": dataset, "format": format, "steps": steps, "batch": batch,
        "seed": seed, "config": config, "group_by": group_by, "keep_going": keep_going or None,
        "max_side": max_side, "balance": balance,
    }  # fmt: skip
    finish(lambda: run(find_root(), given), as_json=as_json)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="A preset or one of its aliases.")] = None,
    variables: Annotated[bool, typer.Option("--variables", help="Build it and list {variable: shape}.")] = False,
    classes: Annotated[int | None, typer.Option(help="Classes of --variables (default: COCO's 90).")] = None,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """List the models: input size, published figures, what each exports to, and the hardware it is right for."""
    from pipeline.commands.models import models as run

    given = {"backend": backend}
    finish(
        lambda: run(find_root(), given, name=name, variables=variables, classes=classes, quiet=as_json),
        as_json=as_json,
    )


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
