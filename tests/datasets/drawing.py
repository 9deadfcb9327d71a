"""Tiny datasets for tests: a Supervisely project and a Pascal VOC folder, drawn where a test wants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from pipeline.datasets.problems import Problems


def draw_picture(path: Path, *, size: tuple[int, int] = (40, 30), shade: int = 128, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", size, (shade, shade // 2, 255 - shade)).save(path, **options)
    return path


def rectangle(label: str, *edges: float) -> dict[str, Any]:
    xmin, ymin, xmax, ymax = edges
    points = {"exterior": [[xmin, ymin], [xmax, ymax]], "interior": []}
    return {"classTitle": label, "geometryType": "rectangle", "points": points}


class Project:
    """A Supervisely project in a folder."""

    def __init__(self, root: Path, *labels: str) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        classes = [{"title": label, "shape": "rectangle"} for label in labels or ("cat",)]
        (root / "meta.json").write_text(json.dumps({"classes": classes}))

    def add(
        self,
        name: str,
        *objects: Any,
        dataset: str = "ds",
        size: tuple[int, int] = (40, 30),
        shade: int = 128,
        **more: Any,
    ) -> Path:
        """Add an image and its annotation; return the annotation."""
        draw_picture(self.root / dataset / "img" / name, size=size, shade=shade)
        content = {"size": {"width": size[0], "height": size[1]}, "tags": [], "objects": list(objects), **more}
        path = self.root / dataset / "ann" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path


def write_voc(
    root: Path, name: str, *objects: str, size: tuple[int, int] = (40, 30), declared: tuple[int, int] | None = None
) -> Path:
    """Write an image and its annotation beside it; return the annotation."""
    draw_picture(root / name, size=size)
    width, height = declared or size
    path = (root / name).with_suffix(".xml")
    path.write_text(
        f"<annotation><filename>{name}</filename><size><width>{width}</width><height>{height}</height></size>"
        f"{''.join(objects)}</annotation>"
    )
    return path


def voc_object(label: str, *edges: object) -> str:
    sides = "".join(
        f"<{side}>{edge}</{side}>" for side, edge in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True)
    )
    return f"<object><name>{label}</name><bndbox>{sides}</bndbox></object>"


def messages(problems: Problems) -> dict[str, list[str]]:
    """Return what was found: {kind: sentences or places}."""
    return {kind: [finding.message for finding in findings] for kind, findings in problems.findings.items()}
