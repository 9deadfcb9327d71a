"""Verbs for what a trained model becomes, and whether it still detects."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.verbs.app import BackendName, Json, Model, Name, Threshold, app, finish
from pipeline.verbs.options import EXPORT, RUN, Given, takes
from pipeline.workspace import find_root


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
