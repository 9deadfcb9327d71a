"""A TFLite interpreter and nothing else: the least time that anything which runs the model can take.

    python benchmarks/baselines/bare_interpreter.py MODEL IMAGE_FOLDER [--interpreters 2]

Images are decoded and resized before the clock starts; each interpreter has one thread (with more, LiteRT's regular
non-maximum suppression loses a class). Prints {"images": n, "seconds": s}.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image


def main() -> None:
    """Run the model over every image of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("images", type=Path)
    parser.add_argument(
        "--interpreters", type=int, default=1, help="so many at a time, each with its share of the images"
    )
    flags = parser.parse_args()
    runners = [Bare(flags.model) for _ in range(flags.interpreters)]
    inputs = [runners[0].to_input(path) for path in sorted(flags.images.iterdir())]
    for runner in runners:
        runner.run(inputs[0])
    began = time.perf_counter()
    with ThreadPoolExecutor(len(runners)) as pool:
        list(
            pool.map(
                lambda number: [runners[number].run(one) for one in inputs[number :: len(runners)]], range(len(runners))
            )
        )
    print(json.dumps({"images": len(inputs), "seconds": time.perf_counter() - began}))


class Bare:
    """One interpreter."""

    def __init__(self, model: str) -> None:
        self.interpreter = Interpreter(model, num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.outputs = [output["index"] for output in self.interpreter.get_output_details()]

    def to_input(self, path: Path) -> np.ndarray:
        """Decode and resize; how exactly costs nothing here."""
        _, height, width, _ = self.input["shape"]
        return np.asarray(Image.open(path).convert("RGB").resize((width, height)))[np.newaxis]

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Give an image, take its boxes."""
        self.interpreter.set_tensor(self.input["index"], pixels)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(index) for index in self.outputs]


if __name__ == "__main__":
    main()
