"""Verbs for what a trained model becomes, and whether it still detects."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.verbs.app import BackendName, Json, Model, Name, app, finish
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
_export_verb(
    "export",
    "Make every form of the best checkpoint: frozen graph, SavedModel, TFLite, TensorFlow.js; each is run over the "
    "test images, and exit code 4 says that one lost more than it may (docs/fidelity.md).",
)


@app.command()
@takes(RUN, EXPORT)
def evaluate(given: Given, as_json: Json = False) -> None:
    """Run every exported form over the test images and show mAP, size, time and memory of each.

    Exit code 4 when one is further from its checkpoint than it may be (docs/fidelity.md; --tolerance changes that).
    """
    from pipeline.commands import chains

    finish(lambda: chains.evaluate(find_root(), given), as_json=as_json)


@app.command()
@takes(RUN, EXPORT)
def report(given: Given, as_json: Json = False) -> None:
    """Write output/NAME/report.html: how well the model detects, what goes wrong, what to do next.

    What it tells of is brought up to date first; every export and evaluation writes it as well.
    """
    from pipeline.commands.report import report as run

    finish(lambda: run(find_root(), given), as_json=as_json)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A run's name, a folder of output/.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The run that it is compared with.")],
    as_json: Json = False,
) -> None:
    """Set two runs side by side on one page: output/compare-A-B.html. Both have been evaluated before."""
    from pipeline.commands.compare import compare as run

    finish(lambda: run(find_root(), first, second), as_json=as_json)


@app.command("explain-drop")
def explain_drop(
    model: Model = None,
    name: Name = None,
    artefact: Annotated[
        str,
        typer.Option(
            help="tflite, tflite_float, tflite_fast_nms, tflite_regular_nms, edgetpu, tfjs, tfjs_fast, tfjs_chromium, "
            "frozen_graph or saved_model."
        ),
    ] = "tflite",
    images: Annotated[int, typer.Option(help="Test images to look at, evenly spread; layers on 8 of them.")] = 100,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Say why an exported file detects worse than its checkpoint, which layer parts first, and what to do.

    First the post-processing (regular and fast NMS, number of boxes, the checkpoint's own on the file's raw outputs),
    then the input (normalization, channels, resizing) and the anchors, then every layer against the checkpoint's graph.
    Of an SSD's TFLite files and TensorFlow.js builds, or of any model's frozen graph and SavedModel, which are held
    against the checkpoint itself.
    """
    from pipeline.commands.explain_drop import explain_drop as run

    given = {"model": model, "name": name, "backend": backend}
    finish(lambda: run(find_root(), given, artefact=artefact, images=images), as_json=as_json)


@app.command()
def benchmark(
    run_name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The run, as --name.")] = None,
    model: Model = None,
    name: Name = None,
    artefact: Annotated[
        list[str] | None, typer.Option(help="Only this one (frozen_graph, tflite, tfjs_fast, ...); may be repeated.")
    ] = None,
    threads: Annotated[str, typer.Option(help="How many, with commas between: 1,2.")] = "1",
    images: Annotated[int, typer.Option(help="How many images are timed.")] = 50,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Time every exported form on this machine: median, 95th percentile, images a second, loading.

    Each in its own runtime and process, one test image at a time; writes output/NAME/benchmark.json, with the machine
    and the versions. Nothing else should run meanwhile.
    """
    from pipeline.commands.benchmark import benchmark as run

    given = {"model": model, "name": run_name or name, "backend": backend}
    finish(lambda: run(find_root(), given, artefacts=artefact or (), threads=threads, images=images), as_json=as_json)


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
