"""Detect objects in images: on a Coral where one answers and edgetpu/ has a model for it, else on every CPU core.

pip install ai-edge-litert Pillow                    # or tflite-runtime instead of ai-edge-litert
python detect.py photos --threshold 0.5 > boxes.csv  # a line an object, in pixels of the upright image
"""

import argparse
import csv
import os
import queue
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ctypes.util import find_library
from importlib import import_module, util
from pathlib import Path

try:
    import numpy as np
    from PIL import Image, ImageOps

    tflite = import_module(f"{'ai_edge_litert' if util.find_spec('ai_edge_litert') else 'tflite_runtime'}.interpreter")
except ImportError as missing:
    sys.exit(f"error: {missing}\nhint: pip install ai-edge-litert Pillow")

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("images", type=Path)
parser.add_argument("--threshold", type=float, default=0.5)
flags, here, cores, free = parser.parse_args(), Path(__file__).resolve().parent, os.cpu_count() or 1, queue.Queue()
labels = (here / "tflite/labels.txt").read_text(encoding="utf-8").splitlines()
# One thread each: with more, the regular non-maximum suppression of LiteRT 1.2 to 2.3 loses a class
models = [tflite.Interpreter(str(here / "tflite/detect.tflite"), num_threads=1) for _ in range(cores)]
if find_library("edgetpu"):
    with suppress(ValueError):  # no Coral answers, or the bundle has no model for it
        coral = [tflite.load_delegate(find_library("edgetpu"))]
        models = [tflite.Interpreter(str(here / "edgetpu/detect_edgetpu.tflite"), experimental_delegates=coral)]
for model in models:
    model.allocate_tensors()
    free.put(model)
taken, given = models[0].get_input_details()[0], models[0].get_output_details()[:3]


def decode(path):  # and resize, both as the training did; half-pixel centres, as Pillow's, cost accuracy
    image = ImageOps.exif_transpose(Image.open(path))
    image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if image.mode.startswith("I") else image
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    pixels = np.asarray(image.convert("RGB"))
    for axis, out in ((1, taken["shape"][2]), (0, taken["shape"][1])):
        exact = np.arange(out, dtype=np.float32) * np.float32(pixels.shape[axis] / out)
        begin, end = (pixels.take(place(exact).astype(int), axis, mode="clip") for place in (np.floor, np.ceil))
        pixels = np.subtract(end, begin, dtype=np.float32)
        pixels *= (exact % 1).reshape(-1, *[1] * (2 - axis))
        pixels += begin
    return image.size * 2, np.rint(pixels).astype(np.uint8)


def detect(path):  # the csv lines of an image; of one that cannot be read, none
    try:
        size, pixels = decode(path)
    except Exception as error:  # Pillow raises many kinds
        return broken.append(print(f"skipped {path}: {error}", file=sys.stderr)) or []
    model = free.get()
    model.set_tensor(taken["index"], pixels[np.newaxis])
    model.invoke()
    boxes, classes, scores = (model.get_tensor(output["index"])[0] for output in given)
    free.put(model)
    boxes = np.rint(boxes.clip(0, 1)[:, [1, 0, 3, 2]] * size).astype(int).tolist()
    found = zip(boxes, classes.astype(int), scores)  # noqa: B905 - Python 3.7 knows no strict=
    return [(path, *size[:2], labels[i], f"{score:.4f}", *box) for box, i, score in found if score >= flags.threshold]


paths = sorted(path for path in flags.images.rglob("*") if path.suffix.lower() in Image.registered_extensions())
rows, broken = csv.writer(sys.stdout, lineterminator="\n"), []
rows.writerow(("filename", "width", "height", "class", "score", "xmin", "ymin", "xmax", "ymax"))
with ThreadPoolExecutor(cores + (len(models) == 1)) as pool:  # beside a Coral, images are decoded ahead
    for found in pool.map(detect, paths or [flags.images]):
        rows.writerows(found)
sys.exit(3 if broken else 0)
