"""Verbs for the machine: is it sound, what must be built, what is shown."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pipeline.verbs.app import BackendName, Json, app, finish
from pipeline.workspace import find_root


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
def environments(as_json: Json = False) -> None:
    """Make all local environments now instead of when they are first needed."""
    from pipeline.commands.environments import environments as run

    finish(lambda: run(find_root()), as_json=as_json)


@app.command()
def tensorboard(backend: BackendName = None, port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 6006) -> None:
    """Show the curves of all runs until ^C."""
    from pipeline.commands.tensorboard import tensorboard as run

    finish(lambda: ({}, run(find_root(), backend=backend or "auto", port=port)), as_json=False)


@app.command()
def web(backend: BackendName = None, port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 8080) -> None:
    """Try the exported models on a page in the browser (images, camera, video) until ^C."""
    from pipeline.commands.web import web as run

    finish(lambda: ({}, run(find_root(), backend=backend or "auto", port=port)), as_json=False)


@app.command()
def notebook(
    name: Annotated[str | None, typer.Option(help="The run; without it the one that was exported last.")] = None,
    backend: BackendName = None,
    port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = 9000,
) -> None:
    """Look at a run in Jupyter (boxes, threshold, confusion) until ^C."""
    from pipeline.commands.notebook import notebook as run

    finish(lambda: ({}, run(find_root(), backend=backend or "auto", run=name, port=port)), as_json=False)


@app.command("test-odapi", hidden=True)
def test_odapi(
    only: Annotated[str | None, typer.Option(help="The files whose name holds this.")] = None,
    backend: BackendName = None,
    as_json: Json = False,
) -> None:
    """Run the Object Detection API's own tests where TensorFlow is (make test-odapi)."""
    from pipeline.commands.test_odapi import test_odapi as run

    finish(lambda: run(find_root(), {"backend": backend}, only=only or ""), as_json=as_json)


@app.command(hidden=True)
def plan(as_json: Json = False) -> None:
    """Write the specs of all stages from the environment (first service of `docker compose up`)."""
    from pipeline.commands.plan import plan as run

    finish(lambda: run(find_root()), as_json=as_json)
