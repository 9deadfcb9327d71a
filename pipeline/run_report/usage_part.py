"""How to use each exported file: where it is, what it is for, and the commands to type."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from html import escape

from pipeline.report.artefact_table import format_size
from pipeline.run_report.run_files import RunFiles

USES: tuple[tuple[str, str, str, str], ...] = (
    (
        "tflite/detect.tflite",
        "Raspberry Pi, phone, any Python",
        "Give it RGB pixels at {size}; it answers with boxes (ymin, xmin, ymax, xmax as shares), classes from 0, "
        "scores and a count. labels.txt beside it names the classes. Use one thread (num_threads=1), or at least as "
        "many as classes.",
        "make detect NAME={name} IMAGES=folder THRESHOLD={threshold}",
    ),
    (
        "tflite/detect.tflite",
        "Coral Edge TPU",
        "Compile it where Google's edgetpu_compiler is; what it will say, operator by operator, is above.",
        "make edgetpu NAME={name}",
    ),
    (
        "frigate/detect.tflite",
        "Frigate",
        "The model, its labelmap.txt, and what to paste into Frigate's settings: config.cpu.yml or config.coral.yml.",
        "cp -r {output}/frigate /path/to/frigate/config/model",
    ),
    (
        "tensorflow_js/fast/model.json",
        "A web page",
        "With detector.js, in a few lines: it takes images, videos and canvases, and answers in their pixels.",
        'import {{ Detector }} from "./tensorflow_js/detector.js";\n'
        'const detector = await Detector.load("./tensorflow_js/fast/");\n'
        'const found = await detector.detect(document.querySelector("img"), {{ threshold: {threshold} }});',
    ),
    (
        "tensorflow_js/model.json",
        "TensorFlow.js, whole graph",
        "For programs that load graphs themselves: tf.loadGraphModel(url), then model.executeAsync(image).",
        "",
    ),
    (
        "frozen/saved_model/saved_model.pb",
        "TensorFlow, TensorFlow Serving",
        "A SavedModel; the frozen graph beside it is the same in one file, for programs of the Object Detection API.",
        "make detect GRAPH={output}/frozen/frozen_inference_graph.pb LABELS={output}/frozen/label_map.pbtxt "
        "IMAGES=folder OUT=found",
    ),
)


def render_usage(files: RunFiles, *, threshold: float) -> str:
    """Render a paragraph and commands for each exported file that is there."""
    words = {
        "name": shlex.quote(files.name),
        "output": shlex.quote(f"output/{files.name}"),
        "threshold": f"{threshold:.2f}",
        "size": _input_size(files.model),
    }
    parts = []
    for path, device, told, command in USES:
        if path not in files.exported:
            continue
        shown = f' <span class="soft">{format_size(files.exported[path])}</span>'
        code = f"<pre>{escape(command.format(**words))}</pre>" if command else ""
        parts.append(
            f'<div class="usage"><h3>{device}: <code>{path}</code>{shown}</h3>'
            f"<p>{escape(told.format(**words))}</p>{code}</div>"
        )
    if not parts:
        return f"<p>Nothing was exported yet: <code>make export NAME={escape(words['name'])}</code></p>"
    return "".join(parts)


def _input_size(model: Mapping[str, object]) -> str:
    width, height = model.get("input_width"), model.get("input_height")
    return f"{width}x{height} pixels" if width and height else "the model's input size"
