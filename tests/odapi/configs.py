"""Run cases of tests/odapi/try_configs.py: many configs fitted to runs, in one process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from pipeline.models import preset_names, read_preset
from tests.project import ROOT


def try_configs(python: Path, records: Path, folder: Path, cases: dict[str, dict[str, Any]]) -> dict[str, dict]:
    """Return {name: what came of the case}; the default preset is the default model."""
    for name in preset_names():
        (folder / f"{name}.json").write_text(read_preset(name).model_dump_json(), encoding="utf-8")
    cases = {name: {"preset": "ssd_mobilenet_v2_quantized", **case} for name, case in cases.items()}
    script = ROOT / "tests/odapi/try_configs.py"
    command = [str(python), str(script), f"--records-dir={records}", f"--presets={folder}"]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]
