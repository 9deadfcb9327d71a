"""Verbs for the models that a training begins from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.verbs.app import BackendName, Json, app, finish
from pipeline.workspace import find_root


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
