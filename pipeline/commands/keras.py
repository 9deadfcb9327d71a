"""Turn a Keras classification model into a checkpoint that a detector's training can begin from.

output/keras/NAME/model.ckpt.index, model.ckpt.data-00000-of-00001   PRETRAINED=output/keras/NAME/model.ckpt
output/keras/NAME/keras.json                                         its variables, and who takes them
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.commands.outside import existing, outside, place, shown
from pipeline.config import read_settings
from pipeline.errors import ConfigError, DataError
from pipeline.plan import Job
from pipeline.receipts import spec_path, write_json
from pipeline.runner import JobFailed, read_error, run_stage
from pipeline.workspace import Run

STAGE = "keras_to_checkpoint"
IMAGE = "odapi"
SCRIPT = "container_scripts/keras_to_checkpoint.py"
RUN = Run("keras")  # where the job leaves its spec and its log
PREFIX = "model.ckpt"
REPORT = "keras.json"
CONFIGURATION = 2


def keras_to_checkpoint(
    root: Path, given: Mapping[str, Any], *, model: str, weights: str | None = None, out: str | None = None
) -> dict[str, Any]:
    """Convert a model in the odapi image; return {"checkpoint": prefix, "variables": {name: shape}, ...}.

    model: the architecture as .json, or a whole .h5 or .keras; weights: the .h5 that belongs to an architecture.
    Raises ConfigError for files that are not there or of another kind, DataError for those that do not fit.
    """
    reads = {"model": existing(root, model, what="model", variable="--model ")}
    if weights is not None:
        reads["weights"] = existing(root, weights, what="weights", variable="--weights ")
    target = (root / (out or f"{RUN.output}/{default_name(weights or model)}")).resolve()
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{out} is a file; wanted a folder to write", hint="--out output/keras/NAME")
    backend = choose_backend(read_settings(root, given).backend, root)
    for folder in (root / RUN.jobs, target):
        folder.mkdir(parents=True, exist_ok=True)
    folder_shown = shown(root, target)
    flags = [word for name in reads for word in (f"--{name}", f"{{{name}}}")]
    job = Job(
        command=(SCRIPT, *flags, "--out", "{out}", "--shown-as", folder_shown),
        inputs={name: place(root, path) for name, path in reads.items()},
        outputs={"out": place(root, target, merge=True)},
        always=True,
    )
    spec = job.to_spec(stage=STAGE, image=IMAGE, run=RUN.name)
    write_json(spec_path(str(root), RUN.name, STAGE), spec)
    try:
        run_stage(backend, spec, reads=outside(root, list(reads.values())), writes=outside(root, [target]))
    except JobFailed as failure:
        message, hint = read_error(root / RUN.output / "logs" / f"{STAGE}.log")
        if message is None:
            raise
        error = (ConfigError if failure.exit_code == CONFIGURATION else DataError)(message, hint=hint)
        error.shown = True
        raise error from failure
    report: dict[str, Any] = json.loads((target / REPORT).read_text(encoding="utf-8"))
    return {"checkpoint": f"{folder_shown}/{PREFIX}", **report}


def default_name(path: str) -> str:
    """Return what a file's checkpoint is called: its name as far as it can be a folder's."""
    stem = re.sub(r"(\.weights)?\.(h5|hdf5|keras|json)$", "", Path(path).name, flags=re.IGNORECASE)
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip("._") or "model"
