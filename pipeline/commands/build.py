"""Build the images, odapi on the base that fits this machine's GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.backends.compose import IMAGES, Compose
from pipeline.report.screen import say


def build(root: Path) -> dict[str, Any]:
    """Build all images; raises EngineError when the engine is missing or a build fails."""
    engine = Compose(root)
    engine.build(*IMAGES)
    say(f"built: {', '.join(IMAGES)}; next: make train DATASET=path")
    return {"images": list(IMAGES), "base": engine.environment()["ODAPI_BASE"], "reason": engine.base.reason}
