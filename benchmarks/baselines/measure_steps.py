"""Seconds a step of container_scripts/train.py, with its real input or with one batch repeated.

    python benchmarks/baselines/measure_steps.py --records-dir R --model model.json --batch 8 --steps 30 \\
        [--quantized] [--constant] [--write-config pipeline.config] [--turns]

Runs in the odapi environment. Graph, session and input are those of a training; only the loop that would save
checkpoints is another. With --quantized it is the graph after the delay; with --constant the first batch is kept in
memory, decoded and augmented, and repeated: the speed that no input can beat. Prints {"seconds": [one a step],
"processor": [the processor seconds of each]}, without the first steps, which fill the queues.
"""

import argparse
import json
import os
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "container_scripts")]

import tensorflow as tf  # noqa: E402
import train  # noqa: E402
from configs import (  # noqa: E402
    model_config,
    training_options,
)
from object_detection import inputs  # noqa: E402
from training import (  # noqa: E402
    training_loop,
    training_records,
)
from turns import wait_for_turn  # noqa: E402

WARM_UP = 5
MANY_STEPS = 10**6  # of the schedule: quantization stays far ahead


class Measured(training_loop.TrainingLoop):
    """A training that only measures its steps."""

    takes_turns = False

    def measure(self, steps, quantized):
        """Train some steps of one graph; return the figures of each."""
        self.figures = {"seconds": [], "processor": []}
        with tf.Graph().as_default():
            self._train_graph(quantized, steps)
        return {name: values[WARM_UP:] for name, values in self.figures.items()}

    def _run_steps(self, session, graph, quantized, until):
        for _ in range(WARM_UP + until):
            wait_for_turn(self.takes_turns)
            began, used = time.perf_counter(), time.process_time()
            session.run(self._fetches(graph))
            self.figures["seconds"].append(time.perf_counter() - began)
            self.figures["processor"].append(time.process_time() - used)


def main():
    """Parse flags, build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records-dir", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--quantized", action="store_true")
    parser.add_argument("--constant", action="store_true")
    parser.add_argument("--write-config", help="where to leave the config that was measured")
    parser.add_argument("--turns", action="store_true", help="wait for a line on standard input before each step")
    flags = parser.parse_args()
    flags.config, flags.input_size, flags.options = None, None, training_options.read_options(None)
    measured, flags.steps = flags.steps, MANY_STEPS
    if flags.constant:
        build = inputs.train_input
        inputs.train_input = lambda *words, **more: build(*words, **more).take(1).cache().repeat()
    names = training_records.read_label_map(os.path.join(flags.records_dir, "label_map.pbtxt"))
    records = training_records.check_records(flags.records_dir, "train", len(names))
    config = train.build_config(flags, records, names)
    if flags.write_config:
        model_config.write_config_file(config, flags.write_config)
    with tempfile.TemporaryDirectory() as folder:
        loop = Measured(config, folder, flags.options, checkpoint=None, threads=os.cpu_count(), seed=0, stop=train.STOP)
        loop.takes_turns = flags.turns
        print(json.dumps(loop.measure(measured, flags.quantized)))


if __name__ == "__main__":
    main()
