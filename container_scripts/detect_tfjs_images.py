"""Run a TensorFlow.js model over a folder of images: a journal of what was detected.

    python container_scripts/detect_tfjs_images.py --tfjs-dir tensorflow_js --images photos --found found.jsonl

Python reads the images and hands their pixels to detect_pixels.mjs, one Node a core. With `--build plain` the model is
the one for tf.loadGraphModel, without it the fast build.
"""

import argparse
import json
import os
import subprocess
import sys
import threading

from detection import picture_loop
from node_program import find_node
from screen import fail

from pipeline.detections.detections_file import Detection

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {"fast": os.path.join("fast", "model.json"), "plain": "model.json"}


def main():
    """Parse flags, detect, write the journal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tfjs-dir", required=True, help="folder with model.json, and fast/ beside it")
    parser.add_argument("--build", choices=sorted(FILES), default="fast")
    picture_loop.add_flags(parser)
    flags = parser.parse_args()
    pictures = picture_loop.find_pictures(flags)
    model = os.path.join(flags.tfjs_dir, FILES[flags.build])
    if not os.path.isfile(model):
        fail("there is no {}".format(model), hint="make tfjs NAME=... makes it; only SSDs have a fast build")
    picture_loop.run(lambda: NodeDetectors(flags.tfjs_dir, flags.build).detect, flags, model, pictures, flags.threads)


class NodeDetectors:
    """A Node with the model for each thread that asks."""

    def __init__(self, tfjs_dir, build):
        self._command = [find_node(), os.path.join(HERE, "detect_pixels.mjs"), "--tfjs-dir", tfjs_dir, "--build", build]
        self._local = threading.local()

    def detect(self, pixels):
        """Detect in a picture [height, width, 3]; return (detections, milliseconds)."""
        if not hasattr(self._local, "node"):
            # It ends when its standard input does, which is when this process ends, however that happens
            self._local.node = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        node = self._local.node
        height, width, _ = pixels.shape
        try:
            node.stdin.write(json.dumps({"width": width, "height": height}).encode("ascii") + b"\n" + pixels.tobytes())
            node.stdin.flush()
            line = node.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            sys.exit(node.wait() or 4)  # it has said why
        answer = json.loads(line.decode("utf-8"))
        if "error" in answer:
            raise ValueError("TF.js failed on it: {}".format(answer["error"]))
        return [Detection(int(row[0]), *row[1:]) for row in answer["rows"]], answer["ms"]


if __name__ == "__main__":
    main()
