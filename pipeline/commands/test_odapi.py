"""Run the Object Detection API's own TensorFlow 1 tests in the odapi image: is the environment sound?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.backends import choose_backend
from pipeline.config import read_settings
from pipeline.plan import Job, Place
from pipeline.receipts import spec_path, write_json
from pipeline.runner import run_stage
from pipeline.workspace import Run

STAGE = "test_odapi"
IMAGE = "odapi"
SCRIPT = "container_scripts/test_odapi.py"
RUN = Run("odapi-tests")  # where the job leaves its spec, its log and its results


def test_odapi(root: Path, given: Mapping[str, Any], *, only: str = "") -> list[dict[str, Any]]:
    """Run the test files whose name holds `only`; return a mapping for each, as the script writes them.

    Raises JobFailed when one fails that is not excused.
    """
    backend = choose_backend(read_settings(root, given).backend, root)
    results = f"{RUN.output}/results.json"
    job = Job(
        command=(SCRIPT, f"--only={only}", "--results", "{results}"),
        inputs={},
        outputs={"results": Place(results)},
        always=True,
    )
    (root / RUN.jobs).mkdir(parents=True, exist_ok=True)
    spec = job.to_spec(stage=STAGE, image=IMAGE, run=RUN.name)
    write_json(spec_path(str(root), RUN.name, STAGE), spec)
    run_stage(backend, spec)
    found: list[dict[str, Any]] = json.loads((root / results).read_text(encoding="utf-8"))
    return found
