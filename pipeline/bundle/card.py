"""MODEL_CARD.md: what a model is for, what it was made of, what it scores in each form, and what it may not be asked.

The YAML at its head is what the Hugging Face hub reads. Nothing in it depends on the day or on where files lay, so the
same model gives the same card.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline.bundle.limits import describe_limits
from pipeline.bundle.markdown import amount, figure, share, table
from pipeline.bundle.model_facts import ARTEFACT_FILES, Entry, ModelFacts

TOLD_ELSEWHERE = ("name", "model", "dataset", "config", "checkpoint", "threshold", "pbtxt", "tolerance", "pretrained")
"""Settings that are no part of the training, or are said in another place of the card."""
UNSET: tuple[object, ...] = (None, False, [], "auto", "none")
CONTENTS = {
    "detect.py": "boxes for images, on a Coral or the CPU; see below",
    "tflite/detect.tflite": "for phones, Raspberry Pi and CPU: boxes, classes, scores, count, in that order",
    "tflite/detect_float.tflite": "the same with float weights, for GPU delegates",
    "edgetpu/detect_edgetpu.tflite": "compiled for the Coral Edge TPU",
    "edgetpu/preflight.json": "what the Edge TPU takes of it, operator by operator",
    "frigate/": "the model as Frigate uses it, with what to paste into its settings",
    "tensorflow_js/fast/": "the browser's fast build: `Detector.load(url)` of `detector.js`, `detector.detect(image)`",
    "tensorflow_js/model.json": "the whole SavedModel for `tf.loadGraphModel`",
    "frozen/frozen_inference_graph.pb": "the frozen TensorFlow 1 graph, and its label map beside it",
    "frozen/saved_model/": "the TensorFlow SavedModel",
    "hashes.sha256": "SHA-256 of every other file: `sha256sum -c hashes.sha256`",
}


def render_card(facts: ModelFacts) -> str:
    """Return the text of MODEL_CARD.md."""
    parts = [front_matter(facts), f"# {facts.name}\n\n{introduce(facts)}"]
    for title, lines in (
        ("What is in here", contents(facts)),
        ("Detecting", use(facts)),
        ("Intended use and limits", describe_limits(facts)),
        ("Data", data(facts)),
        ("Training", training(facts)),
        ("Figures of each form", figures(facts)),
        ("Average precision of each class", classes(facts)),
        ("Versions", table(("program", "version"), facts.versions.items())),
        ("Licences", licences(facts)),
        ("Hashes", hashes(facts)),
    ):
        text = "\n".join(lines)
        if text:
            parts.append(f"## {title}\n\n{text}")
    return "\n\n".join(parts) + "\n"


def front_matter(facts: ModelFacts) -> str:
    """Return the YAML between dashes that model hubs read."""
    best = facts.judged
    told: dict[str, Any] = {
        "license": "other",
        "license_name": "see-licences-below",
        "pipeline_tag": "object-detection",
        "tags": ["object-detection", "tensorflow", *(tag for folder, tag in TAGS if facts.has(folder))],
    }
    if best:
        kinds = (("mean_average_precision", "mAP@[.5:.95]", "map"), ("mean_average_precision", "mAP@.5", "map50"))
        told["model-index"] = [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": "object-detection"},
                        "dataset": {"name": facts.data.name, "type": facts.data.name, "split": "test"},
                        "metrics": [
                            {"type": kind, "name": f"{name}, {best['artefact']}", "value": round(best[key], 4)}
                            for kind, name, key in kinds
                        ],
                    }
                ],
            }
        ]
    return f"---\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}---"


TAGS = (("tflite", "tflite"), ("tensorflow_js", "tensorflow.js"), ("edgetpu", "edge-tpu"), ("frigate", "frigate"))


def introduce(facts: ModelFacts) -> str:
    """Return the paragraph that says what the model is."""
    model = facts.model
    kind = "quantization-aware (uint8)" if model.get("quantized") else "float"
    size = f"{model['input_width']}x{model['input_height']}" if model.get("input_width") else "any size of"
    names = ", ".join(model.get("classes", []))
    return (
        f"An object detector for {len(model.get('classes', []))} classes: {names}. {kind.capitalize()} "
        f"`{facts.preset}`, {size} pixels, step {model.get('step')} of its training. {facts.summary}"
    ).strip()


def contents(facts: ModelFacts) -> Iterator[str]:
    """List what the zip holds and what it is for."""
    names = (*facts.sizes, "hashes.sha256")
    rows = []
    for name, purpose in CONTENTS.items():
        inside = [one for one in names if one == name or (name.endswith("/") and one.startswith(name))]
        if inside:
            rows.append((f"`{name}`", purpose, amount(sum(facts.sizes.get(one, 0) for one in inside))))
    return table(("file", "what for", "size"), rows)


def use(facts: ModelFacts) -> list[str]:
    """Say how boxes are had with the files alone."""
    if "detect.py" not in facts.hashes:
        if facts.has("tflite"):
            return ["There is no `detect.py`: it stretches images to a uint8 input, and this model wants another."]
        return ["This architecture has no TFLite form; use the frozen graph, the SavedModel or TensorFlow.js."]
    return [
        "```",
        "pip install ai-edge-litert Pillow",
        "python detect.py photos --threshold 0.5 > boxes.csv",
        "```",
        "",
        "`filename,width,height,class,score,xmin,ymin,xmax,ymax`, in pixels of the upright image. Images are resized "
        "as in the training (TensorFlow 1's bilinear, the whole image stretched); another way of it costs accuracy.",
    ]


def data(facts: ModelFacts) -> Iterator[str]:
    """Tell the dataset, and images and boxes of each class and split."""
    told = facts.data
    yield f"`{told.name}`" + (f", read as {told.format}." if told.format else ".")
    splits = [split for split in ("train", "test") if split in told.images]
    if splits:
        yield "Images: " + ", ".join(f"{told.images[split]} {split}" for split in splits) + "."
    columns = [*splits, *(["all"] if any("all" in one for one in told.classes.values()) else [])]
    counted = {column for one in told.classes.values() for column in one}
    columns = [column for column in columns if column in counted]
    if columns:
        yield ""
        rows: list[tuple[object, ...]] = [
            (name, *(one.get(column) for column in columns)) for name, one in told.classes.items()
        ]
        totals = [told.boxes.get(column) for column in columns]
        rows += [("all classes", *totals)] if None not in totals else []
        yield from table(("boxes of class", *columns), rows)


def training(facts: ModelFacts) -> Iterator[str]:
    """Tell the recipe: what every setting was that was set."""
    config = facts.settings.get("config")
    shown: list[tuple[str, object]] = [
        ("model", f"a pipeline.config of its own, {Path(config).name}" if config else facts.preset),
        ("weights it began with", facts.pretrained or "none: from scratch"),
        ("exported step", facts.model.get("step")),
        ("exported checkpoint", facts.model.get("checkpoint")),
    ]
    chosen = {key: value for key, value in facts.settings.items() if key not in TOLD_ELSEWHERE and value not in UNSET}
    return table(("setting", "value"), [*shown, *chosen.items()])


def figures(facts: ModelFacts) -> Iterator[str]:
    """Tell what each artefact scored on the test images, and what it costs."""
    if not facts.measured:
        yield "Not evaluated: there were no test images beside the run when this was written."
        return
    images = facts.data.images.get("test")
    yield (
        f"On the {f'{images} ' if images else ''}test images, each form in its own runtime, one image at a time, "
        "without a score threshold. Milliseconds go from the decoded image to the boxes, on this machine: "
        f"{facts.machine}."
    )
    yield ""
    titles = ("form", "runtime", "mAP", "mAP@.5", "AR@100", "points from checkpoint", "limit", "same boxes")
    yield from table((*titles, "median ms", "p95 ms", "memory", "size"), [artefact_row(one) for one in facts.measured])
    left = [entry for entry in facts.metrics if entry.get("not_run")]
    if left:
        yield ""
        yield from (f"Not run: {entry['artefact']}, {entry['not_run']}." for entry in left)
    shipped = next((entry["as_shipped"] for entry in facts.measured if entry.get("as_shipped")), None)
    if shipped:
        yield ""
        yield (
            f"The shipped `detect.tflite` gives at most {shipped['max_detections']} boxes an image "
            f"({shipped['nms']} NMS), and scores mAP {figure(shipped['map'])} so."
        )


def artefact_row(entry: Entry) -> tuple[object, ...]:
    """Return an artefact's row; keys that an evaluation did not have stay empty."""
    points = entry.get("difference_points")
    memory = entry.get("memory_bytes")
    return (
        f"`{entry['artefact']}`",
        entry.get("runtime"),
        *(figure(entry.get(key)) for key in ("map", "map50", "ar100")),
        "" if points is None else f"{points:+.2f}",
        "" if entry.get("limit_points") is None else f"{entry['limit_points']:g}",
        share(entry.get("same_boxes")),
        *(figure(entry.get(key), digits=1) for key in ("ms_median", "ms_p95")),
        f"{amount(memory)}{' (shared)' if entry.get('memory_shared') else ''}" if memory else "",
        amount(entry["size_bytes"]) if entry.get("size_bytes") else "",
    )


def classes(facts: ModelFacts) -> Iterator[str]:
    """Tell each class's AP in each artefact."""
    shown = [entry for entry in facts.measured if entry["artefact"] in ("checkpoint", *ARTEFACT_FILES)]
    names = facts.model.get("classes", [])
    rows = [(name, *(figure(entry.get("per_class", {}).get(name)) for entry in shown)) for name in names]
    return table(("class", *(entry["artefact"] for entry in shown)), rows if shown else [])


def licences(facts: ModelFacts) -> Iterator[str]:
    """Tell under what the parts are."""
    yield "- `detect.py`, `detector.js` and the code that trained the model: Apache-2.0."
    yield "- The architecture: TensorFlow Object Detection API, Apache-2.0."
    if facts.pretrained:
        source = "TensorFlow 1 detection zoo, Apache-2.0" if "zoo" in facts.pretrained else "ask who published them"
        yield f"- The weights that training began with (`{facts.pretrained}`): {source}."
    licence = facts.data.licence or "unknown: no file beside the images says it. Find out before you pass the model on"
    yield f"- The data, and what was learned of it: {licence}."


def hashes(facts: ModelFacts) -> Iterator[str]:
    """List the SHA-256 of every file but this one and hashes.sha256, which has this one's, too."""
    return table(("file", "SHA-256"), [(f"`{name}`", f"`{digest}`") for name, digest in facts.hashes.items()])
