"""Seconds a step of container_scripts/train.py in its float phase, with its real input or with one batch repeated.

    python benchmarks/baselines/measure_steps.py --records-dir R --model model.json --batch 8 --steps 30 [--constant]

Runs in the odapi environment. Graph, session and input are those of a training; only the loop that would save
checkpoints is another. With --constant the first batch is kept in memory, decoded and augmented, and repeated: the
speed that no input can beat. Prints {"seconds": [one a step], "processor": [the processor seconds of each]}, without
the first steps, which fill the queues.
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

import train  # noqa: E402
import training_records  # noqa: E402
from object_detection import inputs  # noqa: E402

WARM_UP = 5
MANY_STEPS = 10**6  # of the schedule: quantization stays far ahead


class Measured(train.Training):
    """A training that only measures its steps."""

    def __init__(self, *arguments, measured):
        train.Training.__init__(self, *arguments)
        self.measured = measured
        self.figures = {"seconds": [], "processor": []}

    def measure(self):
        """Train some steps of the float graph; return the figures of each."""
        with train.tf.Graph().as_default():
            self._train_graph(False, self.measured, None)
        return {name: values[WARM_UP:] for name, values in self.figures.items()}

    def _run_steps(self, session, graph, saver, until, progress):
        for _ in range(WARM_UP + until):
            began, used = time.perf_counter(), time.process_time()
            session.run([graph.train_op, graph.metrics])
            self.figures["seconds"].append(time.perf_counter() - began)
            self.figures["processor"].append(time.process_time() - used)


def main():
    """Parse flags, build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records-dir", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--constant", action="store_true")
    flags = parser.parse_args()
    flags.config, flags.input_size = None, None
    measured, flags.steps = flags.steps, MANY_STEPS
    if flags.constant:
        build = inputs.train_input
        inputs.train_input = lambda *words, **more: build(*words, **more).take(1).cache().repeat()
    names = training_records.read_label_map(os.path.join(flags.records_dir, "label_map.pbtxt"))
    records = training_records.check_records(flags.records_dir, "train", len(names))
    config = train.build_config(flags, records, names)
    with tempfile.TemporaryDirectory() as folder:
        training = Measured(config, folder, os.cpu_count(), 0, measured=measured)
        print(json.dumps(training.measure()))


if __name__ == "__main__":
    main()
