"""Verbs from a dataset to a trained model."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.verbs.app import BackendName, Json, Name, Steps, app, finish
from pipeline.verbs.options import DATA, READING, RUN, SPLITTING, TRAINING, Given, takes
from pipeline.workspace import find_root


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
@takes(RUN, DATA, *TRAINING)
def records(given: Given, as_json: Json = False) -> None:
    """Convert the dataset into records, and go no further: for a run whose records are gone."""
    from pipeline.commands import chains

    finish(lambda: chains.records(find_root(), given), as_json=as_json)


@app.command()
@takes(RUN, DATA, *TRAINING)
def status(given: Given, as_json: Json = False) -> None:
    """Show each stage of a run: up to date, or why not."""
    from pipeline.commands.status import status as run

    finish(lambda: run(find_root(), given), as_json=as_json)


@app.command()
def demo(backend: BackendName = None, steps: Steps = None, name: Name = None, as_json: Json = False) -> None:
    """Draw a sample dataset, then train, export, evaluate and detect: the whole line in a few minutes."""
    from pipeline.commands.demo import demo as run

    finish(lambda: run(find_root(), {"backend": backend, "steps": steps, "name": name}), as_json=as_json)
