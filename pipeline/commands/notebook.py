"""Open a run's notebook in Jupyter until ^C.

output/notebooks/NAME.ipynb     a copy of docs/detect.ipynb, made once
"""

from __future__ import annotations

from pathlib import Path

from pipeline.backends import choose_backend
from pipeline.commands.web import check_port
from pipeline.errors import StageError
from pipeline.workspace import NOTEBOOKS, Run, check_run_name


def notebook(root: Path, *, backend: str, run: str | None, port: int) -> int:
    """Serve the notebook of a run on 127.0.0.1 and block; return the server's exit code.

    Without `run` it is the one that was exported last. Raises StageError for one that is not exported.
    """
    check_port(port, verb="notebook", usual=9000)
    if run and not (root / Run(check_run_name(run)).frozen / "frozen_inference_graph.pb").is_file():
        raise StageError(f"output/{run} has no frozen graph", hint=f"make export NAME={run}")
    engine = choose_backend(backend, root)
    engine.prepare("jupyter")
    # The only folder that it may write. An engine would make it as root
    (root / NOTEBOOKS).mkdir(parents=True, exist_ok=True)
    return engine.serve("jupyter", port=port, run=run or "")
