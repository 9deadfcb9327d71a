"""A fast build of three operators, written by hand: a GPU made of software takes minutes to compile a real one.

16x16 pixels, two 8x8 convolutions with stride 8, so 2x2 anchors; classes `red` and `green`, whose scores are the
shares of these colours in an anchor's cell: no boxes are offset.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

SIDE, STRIDE = 16, 8
LABELS = ["red", "green"]


def write_toy_model(folder: Path) -> Path:
    """Write detector.json, model.json and its weights."""
    folder.mkdir()
    cells = SIDE // STRIDE
    boxes = np.zeros((STRIDE, STRIDE, 3, 4), np.float32)
    classes = np.zeros((STRIDE, STRIDE, 3, 3), np.float32)
    for channel, place in ((0, 1), (1, 2)):
        classes[:, :, channel, place] = 4 / STRIDE**2
    weights = {
        "boxes/kernel": boxes,
        "boxes/bias": np.zeros(4, np.float32),
        "classes/kernel": classes,
        "classes/bias": np.zeros(3, np.float32),
        "boxes/shape": np.int32([1, cells**2, 4]),
        "classes/shape": np.int32([1, cells**2, 3]),
    }
    nodes: list[dict[str, Any]] = [
        {
            "name": "image",
            "op": "Placeholder",
            "attr": {"dtype": {"type": "DT_FLOAT"}, "shape": shape(1, SIDE, SIDE, 3)},
        }
    ]
    nodes += [{"name": name, "op": "Const", "attr": {"dtype": dtype(values)}} for name, values in weights.items()]
    for name in ("boxes", "classes"):
        nodes.append(convolution(name))
        nodes.append({"name": f"{name}/flat", "op": "Reshape", "input": [f"{name}/conv", f"{name}/shape"], "attr": {}})
    nodes.append({"name": "scores", "op": "Sigmoid", "input": ["classes/flat"], "attr": {}})
    entries = [{"name": name, "shape": list(one.shape), "dtype": str(one.dtype)} for name, one in weights.items()]
    (folder / "weights.bin").write_bytes(b"".join(values.tobytes() for values in weights.values()))
    write(folder / "model.json", {
        "format": "graph-model", "modelTopology": {"node": nodes, "versions": {}},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": entries}],
    })  # fmt: skip
    centres = [(place + 0.5) / cells for place in range(cells)]
    write(folder / "detector.json", {
        "format": "odpipe-detector", "version": 1, "labels": LABELS,
        "input": {"height": SIDE, "width": SIDE, "resize": "stretch", "scale": [1 / 255] * 3, "offset": [0, 0, 0]},
        "graph": {"input": "image", "outputs": ["boxes/flat", "scores"]},
        "boxScales": {"y": 10, "x": 10, "height": 5, "width": 5},
        "nms": {"scoreThreshold": 0, "iouThreshold": 0.6, "maxPerClass": 100, "maxTotal": 100},
        "anchors": [[y, x, 1 / cells, 1 / cells] for y in centres for x in centres],
    })  # fmt: skip
    return folder


def convolution(name: str) -> dict[str, Any]:
    """A convolution with its bias, as the converter writes one."""
    text = {
        key: {"s": base64.b64encode(value).decode()} for key, value in (("padding", b"VALID"), ("data_format", b"NHWC"))
    }
    lists = {"strides": {"list": {"i": ["1", str(STRIDE), str(STRIDE), "1"]}}, "dilations": {"list": {"i": ["1"] * 4}}}
    fused = {"fused_ops": {"list": {"s": [base64.b64encode(b"BiasAdd").decode()]}}, "num_args": {"i": "1"}}
    inputs = ["image", f"{name}/kernel", f"{name}/bias"]
    return {"name": f"{name}/conv", "op": "_FusedConv2D", "input": inputs, "attr": {**text, **lists, **fused}}


def shape(*sides: int) -> dict[str, Any]:
    return {"shape": {"dim": [{"size": str(side)} for side in sides]}}


def dtype(values: np.ndarray[Any, Any]) -> dict[str, str]:
    return {"type": "DT_FLOAT" if values.dtype == np.float32 else "DT_INT32"}


def write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
