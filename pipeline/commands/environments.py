"""Make every local environment: what `make test` does before the tests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pipeline.backends.local import PYTHONS, Local
from pipeline.report.screen import say


def environments(root: Path) -> dict[str, Any]:
    """Make the environments that are missing or older than their lock."""
    local = Local(root)
    for image in PYTHONS:
        local.prepare(image)
    say(f"environments ready: {', '.join(PYTHONS)}")
    return {image: os.path.relpath(local.python(image), root) for image in PYTHONS}
