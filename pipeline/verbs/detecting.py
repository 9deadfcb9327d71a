"""The verb that people use a detector with."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.verbs.app import BackendName, Json, Model, Name, Threshold, app, finish
from pipeline.workspace import find_root

MODEL, SHOWN, WRITTEN = "The model", "What is shown", "What is written"


@app.command()
def detect(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[IMAGES]", help="Folders (walked), images, videos, 'patterns/*.jpg'.")
    ] = None,
    images: Annotated[list[str] | None, typer.Option(help="The same as an option; may be repeated.")] = None,
    model: Model = None,
    name: Name = None,
    artefact: Annotated[
        str | None,
        typer.Option(
            help="tflite, tflite_float, frozen, saved_model, checkpoint, tfjs or tfjs_fast; the fastest that is there "
            "when not given.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            help="Instead of a run: frozen_inference_graph.pb, the folder of a SavedModel, or a .tflite that detects.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Its classes: a label_map.pbtxt, labels.txt (a name a line), or lines of `id name`.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    threshold: Threshold = None,
    class_threshold: Annotated[
        list[str] | None,
        typer.Option(help="Of one class another lowest score: dog=0.3; may be repeated.", rich_help_panel=SHOWN),
    ] = None,
    most: Annotated[int, typer.Option("--max", help="Boxes an image, the best ones.", rich_help_panel=SHOWN)] = 100,
    nms: Annotated[
        float | None,
        typer.Option(
            help="Of two boxes of a class that overlap (IoU) by more, only the better one; models have 0.6 themselves.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    tiles: Annotated[
        str | None,
        typer.Option(
            help="Look at overlapping tiles as well, 2x2 or 3x2 (columns x rows): finds small objects in large photos, "
            "and takes as many times longer.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    every: Annotated[int, typer.Option(help="Of a video only each n-th frame.", rich_help_panel=SHOWN)] = 1,
    out: Annotated[
        str | None, typer.Option(help="Where to write (default: output/NAME/detection).", rich_help_panel=WRITTEN)
    ] = None,
    save: Annotated[
        list[str] | None,
        typer.Option(
            help="Also a dataset to correct and train on: voc (labelImg) or yolo; may be repeated.",
            rich_help_panel=WRITTEN,
        ),
    ] = None,
    annotated: Annotated[
        bool, typer.Option(help="Copies of images and videos with the boxes drawn.", rich_help_panel=WRITTEN)
    ] = True,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Detect objects in images and videos: detection.csv, detection.json and annotated copies.

    A detection that was stopped goes on where it was when the same command is given again. Exit code 3: some images
    could not be read; each is named, and all others are done.
    """
    from pipeline.commands.detect import Options
    from pipeline.commands.detect import detect as run

    given = {"model": model, "name": name, "threshold": threshold, "backend": backend}
    options = Options(
        class_thresholds=class_threshold or (),
        most=most,
        nms_iou=nms,
        tiles=tiles,
        every=every,
        save=tuple(kind for text in save or () for kind in text.split(",")),
        annotate=annotated,
    )
    meant = [*(images or ()), *(files or ())]
    finish(
        lambda: run(
            find_root(), given, images=meant, out=out, graph=graph, labels=labels, artefact=artefact, options=options
        ),
        as_json=as_json,
    )
