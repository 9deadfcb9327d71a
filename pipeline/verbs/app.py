"""The command line's program: what a verb is registered with, options that several share, how each one ends."""

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
    "Each runs only what is not up to date. Exit codes: 2 configuration, 3 data, 4 a stage, or a model that "
    "lost too much, 5 engine or environment, 70 a bug of ours, 130 interrupted.",
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
