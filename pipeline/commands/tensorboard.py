"""Show the curves of all runs in TensorBoard until ^C."""

from __future__ import annotations

from pathlib import Path

from pipeline.backends import choose_backend
from pipeline.report.screen import say


def tensorboard(root: Path, *, backend: str, port: int) -> int:
    """Serve output/ on 127.0.0.1 and block; return TensorBoard's exit code."""
    engine = choose_backend(backend, root)
    engine.prepare("odapi")
    say(f"tensorboard: http://127.0.0.1:{port}/ (^C ends it)")
    return engine.serve("tensorboard", port=port)
