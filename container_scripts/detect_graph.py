"""Run a graph of the Object Detection API over a folder of images: a journal of what was detected.

    python container_scripts/detect_graph.py --graph frozen_inference_graph.pb --images photos --found found.jsonl
    python container_scripts/detect_graph.py --graph exported/saved_model --images photos --found found.jsonl
    python container_scripts/detect_graph.py --graph output/cats/train --frozen-dir output/cats/frozen ...

A frozen graph, by whomever it was exported; a SavedModel's folder; or the folder of a training, of which the checkpoint
that --frozen-dir was made of is run. `python -m pipeline.jobs.detect_images --found` then makes the csv, the json and
the annotated copies of it.
"""

import argparse
import os

from detection import picture_loop
from screen import fail

from pipeline.core_count import count_cores


def main():
    """Parse flags, detect, write the journal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graph", required=True, help="a .pb, the folder of a SavedModel, or that of a training")
    parser.add_argument("--frozen-dir", help="of a training: what was exported of it")
    picture_loop.add_flags(parser)
    flags = parser.parse_args()
    pictures = picture_loop.find_pictures(flags)
    if not os.path.exists(flags.graph):
        fail("there is no graph at {}".format(flags.graph), hint="make freeze NAME=... makes one", exit_code=3)

    def load():
        # Each session.run stays in its caller's thread and several callers run side by side: a detector's graph is
        # hundreds of small operations, too few at a time to fill the cores. CPU time an image is the same (12 to 15
        # ms at 160x160), so the gain is the idle share of the cores; where other work fills them there is none.
        # benchmarks/detect.py measures it.
        from detection import graph_runtime  # TensorFlow takes seconds to load; what is wrong above is said at once

        config = graph_runtime.session_config(intra_op_threads=1, inter_op_threads=-1)
        if flags.frozen_dir:
            from detection.checkpoint_detector import load_frozen_checkpoint

            return load_frozen_checkpoint(flags.graph, flags.frozen_dir, config).detect
        if os.path.isdir(flags.graph):
            return graph_runtime.load_saved_model(flags.graph, config).detect
        return graph_runtime.load_frozen_graph(flags.graph, config).detect

    picture_loop.run(load, flags, model_file(flags.graph), pictures, flags.threads or 2 * count_cores())


def model_file(path):
    """Return the file whose size and time tell one model from another."""
    inside = [os.path.join(path, name) for name in ("saved_model.pb", "saved_model.pbtxt", "checkpoint")]
    return next((file for file in inside if os.path.isfile(file)), path)


if __name__ == "__main__":
    main()
