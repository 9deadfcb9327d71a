"""Say what the Edge TPU would make of a .tflite file, without its compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, StageError
from pipeline.planner import plan_trained
from pipeline.preflight.compiler_log import compare_rows, read_compiler_log
from pipeline.preflight.report import preflight_file
from pipeline.report.preflight_table import render_preflight
from pipeline.report.screen import say
from pipeline.stages import tflite

NEEDS_ATTENTION = StageError.exit_code


def preflight(
    root: Path, *, file: str | None = None, name: str | None = None, log: str | None = None
) -> tuple[dict[str, Any], int]:
    """Judge a file, or the detect.tflite of a run; return what was found, and 0 or 4.

    0: all but the post-processing of detections runs on the Edge TPU. 4: something does not, or, with the `log` of
    edgetpu_compiler beside, the two do not agree. Raises DataError for a file that cannot be judged.
    """
    if (file is None) == (name is None):
        raise ConfigError(
            "wanted a .tflite file or the name of a run" if file is None else "wanted a file or a name, not both",
            hint="odpipe preflight detect.tflite, or --name cats (make preflight FILE=... or NAME=...)",
        )
    path = Path(file) if file is not None else find_model(root, str(name))
    found = preflight_file(path)
    result = found.to_json()
    say(render_preflight(result))
    if log is None:
        return result, 0 if found.works else NEEDS_ATTENTION
    told = read_compiler_log(Path(log))
    differences = compare_rows(found.rows, told.rows)
    result["log"] = {
        "compiler": told.version,
        "rows": [{"operator": one, "count": count, "status": status} for one, count, status in told.rows],
        "cached_bytes": told.cached_bytes,
        "streamed_bytes": told.streamed_bytes,
        "failures": list(told.failures),
        "differences": differences,
    }
    for line in told.failures:
        say(f"compiler {told.version}: {line}")
    for line in differences:
        say(f"differs: {line}")
    if not differences:
        say(f"compiler {told.version} says the same of every operator")
    return result, 0 if found.works and not differences and not told.failures else NEEDS_ATTENTION


def find_model(root: Path, name: str) -> Path:
    """Return where the detect.tflite of a run is; raises ConfigError when such a model becomes none."""
    plan = plan_trained(root, {"name": name})
    refusal = tflite.refusal(plan)
    if refusal:
        raise ConfigError(refusal, hint="train an SSD: MODEL=ssd_mobilenet_v2_quantized")
    return root / plan.run.tflite / "detect.tflite"
