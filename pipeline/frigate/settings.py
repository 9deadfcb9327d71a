"""What Frigate is told of a model: labelmap.txt and the YAML for its configuration.

    0 cat
    1 dog

Frigate takes the lines of labelmap.txt for numbered ones when the first begins with a number, so all have theirs: a
first class called "2 wheeler" would be misread otherwise (load_labels in frigate/util/builtin.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from pipeline.errors import DataError
from pipeline.frigate.fit import Size

HEAD = """\
# {title}
#
# 1. Copy this folder into Frigate's configuration folder, as {name}/
# 2. Paste what follows into Frigate's config.yml, in place of its model: and detectors:
"""
CORAL_FIRST = "#    (detect_edgetpu.tflite: make edgetpu NAME={name}, or edgetpu_compiler detect.tflite)\n"
ONE_THREAD = """\
    # With several threads TensorFlow Lite's class-wise suppression of boxes can lose a class whole
"""


def format_labels(labels: Sequence[str]) -> str:
    """Return labelmap.txt; class ids start at 0, as in the model. Raises DataError for a label with a line break."""
    for label in labels:
        if not label.strip() or "\n" in label or "\r" in label:
            raise DataError(f"the label {label!r} cannot stand on one line of labelmap.txt", hint="rename the class")
    return "".join(f"{number} {label}\n" for number, label in enumerate(labels))


def format_settings(*, name: str, labels: Sequence[str], size: Size, coral: bool) -> str:
    """Return the part of Frigate's config.yml for this model, on a Coral or on the CPU."""
    model = {
        "path": f"/config/{name}/{'detect_edgetpu' if coral else 'detect'}.tflite",
        "labelmap_path": f"/config/{name}/labelmap.txt",
        "width": size.width,
        "height": size.height,
        "input_tensor": "nhwc",
        "input_pixel_format": "rgb",
        "model_type": "ssd",
    }
    title = f"{name} in Frigate, on a {'Coral Edge TPU' if coral else 'CPU'}"
    detector = "  coral:\n    type: edgetpu\n    device: usb # or pci\n"
    if not coral:
        detector = f"  cpu:\n    type: cpu\n{ONE_THREAD}    num_threads: 1\n"
    # Without this Frigate follows persons only
    track = {"track": list(dict.fromkeys(labels))}
    return (
        HEAD.format(title=title, name=name)
        + (CORAL_FIRST.format(name=name) if coral else "")
        + f"\ndetectors:\n{detector}\n"
        + _dump({"model": model})
        + "\n# Frigate follows persons only, unless it is told otherwise\n"
        + _dump({"objects": track})
    )


def _dump(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text
