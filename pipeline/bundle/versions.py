"""Which programs made and measured a model: from what the runtimes said of themselves, and from the locks.

{"odpipe": "0.1.0", "TensorFlow": "1.15.5", "Object Detection API": "2.8.0.post1",
 "TFLite converter (TOCO of TensorFlow)": "1.15.5",
 "ai-edge-litert": "2.3.0", "TensorFlow.js": "4.22.0", "TensorFlow.js converter": "4.22.0"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.version import VERSION

LOCKED = (
    ("Object Detection API", "odapi-source.txt", "tf-models-research-object-detection"),
    ("TensorFlow", "odapi.txt", "tensorflow"),
    ("TFLite converter (TOCO of TensorFlow)", "toco.txt", "tensorflow"),
    ("TensorFlow.js converter", "tfjs.txt", "tensorflowjs"),
    ("ai-edge-litert", "pipeline.txt", "ai-edge-litert"),
)
"""What people call it, the lock of its environment, its package."""
SPOKEN = {"tensorflow": "TensorFlow", "tfjs": "TensorFlow.js", "ai-edge-litert": "ai-edge-litert"}


def find_versions(metrics: Sequence[Mapping[str, Any]], locks: Path) -> dict[str, str]:
    """Return {program: version}; what a runtime said when it was measured counts more than a lock."""
    found = {"odpipe": VERSION}
    for label, lock, name in LOCKED:
        locked = locked_version(locks / lock, name)
        if locked:
            found[label] = locked
    for entry in metrics:
        package, _, rest = str(entry.get("runtime") or "").partition(" ")
        version = re.match(r"\d[\w.+-]*", rest)
        if package in SPOKEN and version:
            found[SPOKEN[package]] = version[0]
    return found


def locked_version(lock: Path, package: str) -> str | None:
    """Return the version that a lock file pins a package to; None when it does not."""
    try:
        text = lock.read_text(encoding="utf-8")
    except OSError:
        return None
    pinned = re.search(rf"^{re.escape(package)}==([\w.+-]+)", text, re.MULTILINE)
    return pinned[1] if pinned else None
