"""The Object Detection API's own training, `object_detection.model_main`, with a clock in it.

    python benchmarks/baselines/model_main.py --config pipeline.config --model-dir D --steps 30 [--whole] [--turns]

Runs in the odapi environment. Without --whole it only trains; with it, it evaluates as model_main does: every ten
minutes at most, and at the end. Prints {"seconds": [one a step], "processor": [...], "first_step": seconds from the
process' start to the end of the first step, "evaluations": n}; the first steps are left out of the lists.
"""

import argparse
import json
import os
import time

BEGAN = time.time()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf  # noqa: E402
from absl import flags as absl_flags  # noqa: E402
from object_detection import model_lib, model_main  # noqa: E402
from turns import wait_for_turn  # noqa: E402

WARM_UP = 5
FIGURES = {"seconds": [], "processor": [], "first_step": None, "evaluations": 0}


class Clock(tf.estimator.SessionRunHook):
    """Takes the time of every step."""

    def __init__(self, takes_turns):
        self._takes_turns = takes_turns

    def before_run(self, run_context):
        wait_for_turn(self._takes_turns)
        self._began, self._used = time.perf_counter(), time.process_time()

    def after_run(self, run_context, run_values):
        FIGURES["seconds"].append(time.perf_counter() - self._began)
        FIGURES["processor"].append(time.process_time() - self._used)
        FIGURES["first_step"] = FIGURES["first_step"] or time.time() - BEGAN


def main():
    """Parse flags, hang the clock into model_main, run it, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", required=True)
    parser.add_argument("--model-dir", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--turns", action="store_true", help="wait for a line on standard input before each step")
    flags = parser.parse_args()
    create, evaluate = model_lib.create_train_and_eval_specs, tf.estimator.Estimator.evaluate

    def create_with_clock(*words, **more):
        train_spec, eval_specs = create(*words, **more)
        return train_spec._replace(hooks=[Clock(flags.turns)]), eval_specs

    def count_evaluation(*words, **more):
        FIGURES["evaluations"] += 1
        return evaluate(*words, **more)

    model_lib.create_train_and_eval_specs = create_with_clock
    tf.estimator.Estimator.evaluate = count_evaluation
    if not flags.whole:
        tf.estimator.train_and_evaluate = lambda estimator, train_spec, _: estimator.train(
            train_spec.input_fn, hooks=list(train_spec.hooks), max_steps=train_spec.max_steps
        )
    steps = flags.steps if flags.whole else WARM_UP + flags.steps
    absl_flags.FLAGS(
        ["model_main", "--pipeline_config_path", flags.config, "--model_dir", flags.model_dir,
         "--num_train_steps", str(steps)]
    )  # fmt: skip
    model_main.main([])
    for name in ("seconds", "processor"):
        del FIGURES[name][:WARM_UP]
    print("\n" + json.dumps(FIGURES))


if __name__ == "__main__":
    main()
