"""Train an object detection model, or go on with its training.

    python container_scripts/train.py --records-dir input/tf_records/cats --model model.json \\
        --steps 1000 --batch 16 --seed 0 --train-dir output/cats/train

model.json is a preset (`pipeline/models/NAME.yaml`) as JSON; --config takes a pipeline.config instead. The
train folder gets the final pipeline.config, label_map.pbtxt, checkpoints, metrics.jsonl and TensorBoard's events.
The same command after an interruption, a crash or with more steps goes on from the last checkpoint.
^C saves a checkpoint at the current step first.
"""

import argparse
import math
import os
import shutil
import time

from stop_signal import Stopped, StopSignal

STOP = StopSignal()  # before TensorFlow, whose import takes seconds

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import checkpoints  # noqa: E402
import metrics_files  # noqa: E402
import model_config  # noqa: E402
import tensorflow as tf  # noqa: E402
import training_records  # noqa: E402
from screen import Progress, fail, say  # noqa: E402

SAVE_EVERY_S = 60.0
KEPT_CHECKPOINTS = 3
METRICS_EVERY_STEPS = 10


class Training:
    """One run of training: from the newest checkpoint, or from scratch, to the steps that were asked for."""

    def __init__(self, config, train_dir, threads, seed):
        self.config = config
        self.train_dir = train_dir
        self.threads = threads
        self.seed = seed
        self.steps = config.train_config.num_steps
        self.checkpoint = checkpoints.find_checkpoint(train_dir)
        self.step = checkpoints.read_step(self.checkpoint) if self.checkpoint else 0
        self.metrics = metrics_files.MetricsFiles(train_dir, self.step)

    def run(self):
        """Train up to the last step, or until STOP was asked for; every way out leaves a checkpoint."""
        with Progress("train", total=self.steps, unit="step", start=self.step) as progress:
            while self.step < self.steps and not STOP.asked:
                quantized = self._is_quantization_due()
                # Without `quantized` there is either nothing to quantize or a delay that is still ahead.
                rewriter = self.config.HasField("graph_rewriter") and not quantized
                until = self.config.graph_rewriter.quantization.delay if rewriter else self.steps
                with tf.Graph().as_default():
                    self._train_graph(quantized, until, progress)
                self.checkpoint = checkpoints.find_checkpoint(self.train_dir)

    def _is_quantization_due(self):
        if not self.config.HasField("graph_rewriter"):
            return False
        if self.step >= self.config.graph_rewriter.quantization.delay:
            return True
        return self.checkpoint is not None and checkpoints.is_quantized(self.checkpoint)

    def _train_graph(self, quantized, until, progress):
        """Train one graph, float or quantized, from the checkpoint until a step."""
        import training_graph  # it imports all of the OD API: seconds that a finished run does without

        # A resumed run must not see the images of its first steps again in the same order.
        tf.compat.v1.set_random_seed(self.seed + self.step)
        graph = training_graph.build_training_graph(self.config, quantized)
        saver = tf.compat.v1.train.Saver(max_to_keep=KEPT_CHECKPOINTS, save_relative_paths=True)
        with tf.compat.v1.Session(config=self._session_options(quantized)) as session:
            session.run(
                [tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer(), graph.start_input]
            )
            if quantized and self.checkpoint is not None and not checkpoints.is_quantized(self.checkpoint):
                say("quantization from step {} on".format(self.step))
            if self.checkpoint is not None:
                checkpoints.restore(session, self.checkpoint)
                state = tf.compat.v1.train.get_checkpoint_state(self.train_dir)
                saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
            STOP.saving = True
            self._run_steps(session, graph, saver, until, progress)
            STOP.saving = False

    def _session_options(self, quantized):
        options = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=self.threads, inter_op_parallelism_threads=self.threads
        )
        options.gpu_options.allow_growth = True
        if quantized:
            # Measured: it makes the first step wait for 20 s instead of 5 s, and no later one any faster.
            options.graph_options.rewrite_options.disable_meta_optimizer = True
        return options

    def _run_steps(self, session, graph, saver, until, progress):
        path = os.path.join(self.train_dir, "model.ckpt")
        first = noted_step = self.step
        saved_at = noted_at = time.time()
        while self.step < until and not STOP.asked:
            _, values = session.run([graph.train_op, graph.metrics])
            self.step += 1
            now = time.time()
            self._check_finite(values["loss"])
            progress.update(self.step, note="loss {:.3f}".format(values["loss"]))
            if self.step % METRICS_EVERY_STEPS == 0 or self.step in (first + 1, until):
                seconds = (now - noted_at) / (self.step - noted_step)
                self.metrics.add(
                    self.step,
                    dict({name: float(value) for name, value in values.items()}, seconds_a_step=round(seconds, 4)),
                )
                noted_at, noted_step = now, self.step
            if now - saved_at >= SAVE_EVERY_S and self.step < until:
                saver.save(session, path, global_step=self.step, write_meta_graph=False)
                saved_at = now
        if self.step > first:
            saver.save(session, path, global_step=self.step, write_meta_graph=False)

    def _check_finite(self, loss):
        if not math.isfinite(loss):
            fail(
                "loss is {} at step {}; the checkpoint before it is kept".format(loss, self.step),
                hint="a larger batch (make train BATCH=...) or a lower learning rate (CONFIG=...)",
                exit_code=4,
            )


def build_config(arguments, records, class_names):
    """Build the run's final config from its preset or its user's file."""
    if arguments.config:
        config = model_config.read_config_file(arguments.config)
        if config.train_config.fine_tune_checkpoint:
            say("training starts from scratch: fine_tune_checkpoint of {} is not used".format(arguments.config))
        config.train_config.ClearField("fine_tune_checkpoint")
    else:
        config = model_config.read_preset_config(arguments.model)
    model_config.fit_to_run(
        config,
        records=records,
        test_pattern=os.path.join(arguments.records_dir, "test.record-*"),
        label_map_path=os.path.join(arguments.records_dir, "label_map.pbtxt"),
        class_count=len(class_names),
        steps=arguments.steps,
        batch=arguments.batch,
        size=arguments.input_size,
    )
    return config


def train(arguments):
    """Check what can be checked, write the run's config, train; returns the step reached."""
    train_dir = arguments.train_dir
    os.makedirs(train_dir, exist_ok=True)
    checkpoints.remove_half_saved(train_dir)
    checkpoint = checkpoints.find_checkpoint(train_dir)
    step = checkpoints.read_step(checkpoint) if checkpoint else 0
    if step >= arguments.steps:
        say("{} has {} steps already; {} were asked for".format(train_dir, step, arguments.steps))
        return step
    label_map_path = os.path.join(arguments.records_dir, "label_map.pbtxt")
    class_names = training_records.read_label_map(label_map_path)
    records = training_records.check_records(arguments.records_dir, "train", len(class_names))
    config = build_config(arguments, records, class_names)
    model_config.write_config_file(config, os.path.join(train_dir, "pipeline.config"))
    shutil.copyfile(label_map_path, os.path.join(train_dir, "label_map.pbtxt"))
    say("training on {} images, {} boxes, {} classes".format(records.images, records.boxes, len(class_names)))
    if step:
        say("resuming at step {}".format(step))
    training = Training(config, train_dir, arguments.threads, arguments.seed)
    training.run()
    return training.step


def main():
    """Train; ^C ends with 130 and says what was kept."""
    arguments = _parse_arguments()
    try:
        step = train(arguments)
    except Stopped:
        step = 0
    if STOP.asked and step < arguments.steps:
        kept = checkpoints.find_checkpoint(arguments.train_dir)
        if kept:
            say(
                "interrupted at step {}; kept {}: the same command goes on from there".format(
                    checkpoints.read_step(kept), kept
                )
            )
        else:
            say("interrupted before the first step: nothing to keep")
        return 130
    say("trained {} steps".format(step))
    return 0


def _parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records-dir", required=True)
    parser.add_argument("--model", help="a preset as JSON")
    parser.add_argument("--config", help="a pipeline.config to start from, instead of the preset's")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--input-size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--train-dir", required=True)
    arguments = parser.parse_args()
    if not arguments.model and not arguments.config:
        parser.error("one of --model and --config is needed")
    if arguments.steps < 1 or arguments.batch < 1:
        parser.error("--steps and --batch start at 1")
    return arguments


if __name__ == "__main__":
    raise SystemExit(main())
