"""The loop of a training: its two phases, steps, checkpoints, evaluations and early end.

    loop = TrainingLoop(config, "output/cats/train", options, checkpoint=None, threads=8, seed=0, stop=STOP)
    loop.run()

Float models have one phase. A quantized model is trained as the float graph until its delay, then as the rewritten
one from the same checkpoint. What is true of a run is read from its folder each time, so that a killed one goes on
with nothing lost but the steps after its last checkpoint: checkpoints, metrics.jsonl (which evaluations there were)
and best.json.
"""

import os
import time

import memory
import tensorflow as tf
from checkpoints import best_checkpoint, checkpoint_files
from configs import model_config
from screen import Progress, format_duration, say

from training import devices, evaluation, failing_batch, live_view, metrics_files, sample_images, training_records

SAVE_EVERY_S = 60.0
METRICS_EVERY_STEPS = 10
LEAST_STEPS_BETWEEN_EVALUATIONS = 50  # unless they were asked for: one costs seconds


class TrainingLoop:
    """One run of training: from the newest checkpoint, or from its start, to the steps that were asked for."""

    def __init__(self, config, train_dir, options, *, checkpoint, threads, seed, stop):
        """Take a final config, training_options.TrainingOptions, and the StopSignal that ends the loop early.

        checkpoint: the prefix of the one to go on from, None at the start (see checkpoint_files.find_checkpoint).
        """
        self.config = config
        self.train_dir = train_dir
        self.options = options
        self.threads = threads
        self.seed = seed
        self.stop = stop
        self.steps = config.train_config.num_steps
        self.checkpoint = checkpoint
        self.step = checkpoint_files.read_step(checkpoint) if checkpoint else 0
        self.metrics = metrics_files.MetricsFiles(train_dir, self.step)
        self.best = best_checkpoint.BestCheckpoint(train_dir)
        self.seconds = {"start": 0.0, "steps": 0.0, "checkpoints": 0.0, "evaluations": 0.0}
        self._watch = failing_batch.LossWatch(config, train_dir)
        self._progress = self._view = self._memory = None
        self._evaluator = None
        self._saver = None

    def run(self):
        """Train up to the last step, or until it was asked to stop; every way out leaves a checkpoint."""
        with Progress("train", total=self.steps, unit="step", start=self.step, shows_rate=False) as self._progress:
            self.stop.saving = True
            if self.checkpoint is not None and self._is_evaluation_due():
                self._evaluate(checkpoint_files.is_quantized(self.checkpoint))
            self.stop.saving = False
            while not self.stop.asked and not self._is_over():
                quantized = self._is_quantization_due()
                with tf.Graph().as_default():
                    self._train_graph(quantized, self._end_of_phase(quantized))
        say("time: " + ", ".join("{} {:.1f} s".format(name, value) for name, value in self.seconds.items()))

    def _is_over(self):
        if self.step >= self.steps:
            return True
        quantized = self._is_quantization_due()
        if self.config.HasField("graph_rewriter") and not quantized:
            return False
        if not self._is_out_of_patience(quantized):
            return False
        say("step {} of {} is the last: {}".format(self.step, self.steps, self._describe_patience()))
        return True

    def _is_quantization_due(self):
        if not self.config.HasField("graph_rewriter"):
            return False
        if self.step >= self.config.graph_rewriter.quantization.delay:
            return True
        if self.checkpoint is not None and checkpoint_files.is_quantized(self.checkpoint):
            return True
        return self._is_out_of_patience(quantized=False)

    def _end_of_phase(self, quantized):
        # Without `quantized` there is either nothing to quantize or a delay that is still ahead.
        rewriter_is_ahead = self.config.HasField("graph_rewriter") and not quantized
        return min(self.config.graph_rewriter.quantization.delay, self.steps) if rewriter_is_ahead else self.steps

    def _is_out_of_patience(self, quantized):
        """Tell whether a phase had enough evaluations without a better mAP.

        The float phase of a quantized model then ends early, and quantization begins; it is never left out.
        """
        patience = self.options.patience
        return bool(patience) and self.metrics.count_without_better(quantized) >= patience

    def _describe_patience(self):
        return "no better mAP in {} evaluations (PATIENCE)".format(self.options.patience)

    def _train_graph(self, quantized, until):
        """Train one graph, float or quantized, from the checkpoint until a step."""
        began = time.time()
        from training import training_graph  # it imports all of the OD API: seconds that a finished run does without

        # A resumed run must not see the images of its first steps again in the same order.
        tf.compat.v1.set_random_seed(self.seed + self.step)
        graph = training_graph.build_training_graph(self.config, quantized, self.options, self.threads)
        if self.options.choose_batch and self._lower_batch(training_graph.count_image_bytes):
            return  # and the loop builds the graph again
        options = devices.session_options(self.options, self.threads, quantized)
        self._saver = tf.compat.v1.train.Saver(max_to_keep=None, save_relative_paths=True)  # see remove_surplus
        with tf.compat.v1.Session(config=options) as session:
            session.run(
                [tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer(), graph.start_input]
            )
            self._restore(session, quantized)
            self.seconds["start"] += time.time() - began
            self.stop.saving = True
            batch = self.config.train_config.batch_size
            self._view = live_view.LiveView(batch)
            with memory.MemoryWatch(os.path.join(self.train_dir, "memory.json"), batch) as self._memory:
                self._run_steps(session, graph, quantized, until)
            self.stop.saving = False

    def _lower_batch(self, count_image_bytes):
        """Take a smaller batch where memory does not hold the model's own; tell whether it was taken.

        Only where nobody asked for a batch. A GPU's memory is not known before a session has it: there, a batch that is
        too large ends with the one that fits (see memory.py).
        """
        batch = self.config.train_config.batch_size
        if devices.gpu_names():
            return False
        before, limit = memory.read_process_memory("VmRSS"), memory.read_available()
        image = count_image_bytes(batch)
        fitting = memory.fitting_batch(batch, image, before, limit)
        if fitting == batch:
            return False
        say(
            "{} images a step, not the model's {}: each takes {}, and of {} that can be had {} are taken"
            " (BATCH= asks for another)".format(fitting, batch, *map(memory.format_bytes, (image, limit, before)))
        )
        self.config.train_config.batch_size = fitting
        model_config.write_config_file(self.config, os.path.join(self.train_dir, "pipeline.config"))
        return True

    def _restore(self, session, quantized):
        """Give the graph's variables the values of the newest checkpoint; at step 0, those it starts from."""
        if self.checkpoint is None:
            if self.options.pretrained:
                from checkpoints import pretrained_weights

                pretrained_weights.restore(session, self.options.pretrained, self.config, self.train_dir)
            return
        if quantized and not checkpoint_files.is_quantized(self.checkpoint):
            early = self.step < self.config.graph_rewriter.quantization.delay
            why = ", earlier than planned: " + self._describe_patience() if early else ""
            say("quantization from step {} on{}".format(self.step, why))
        checkpoint_files.restore(session, self.checkpoint)

    def _run_steps(self, session, graph, quantized, until):
        first = noted_step = saved_step = self.step
        saved_at = time.time()
        in_steps = 0.0
        while self.step < until and not self.stop.asked:
            began = time.time()
            _, values, batch = session.run(self._fetches(graph))
            self.step += 1
            in_steps += time.time() - began
            self._watch.check(self.step, values, batch)
            note = self._view.note(values, time.time() - began, self._memory.peak_bytes())
            self._progress.update(self.step, note=note)
            if self.step % METRICS_EVERY_STEPS == 0 or self.step in (first + 1, until):
                numbers = {name: float(value) for name, value in values.items()}
                numbers["seconds_a_step"] = round(in_steps / (self.step - noted_step), 4)
                self.metrics.add(self.step, numbers)
                self.seconds["steps"] += in_steps
                in_steps, noted_step = 0.0, self.step
            due = self._is_evaluation_due()
            is_time = time.time() - saved_at >= SAVE_EVERY_S and self._watch.is_calm
            if due or is_time or self.step == until:
                self._save(session)
                saved_step, saved_at = self.step, time.time()
            if due:
                self._evaluate(quantized)
                if self._is_out_of_patience(quantized):
                    break
        if self.step > saved_step:
            self._save(session)
        self.seconds["steps"] += in_steps

    @staticmethod
    def _fetches(graph):
        """Give what a step is asked for: update, numbers, and the images and boxes it saw, which no later run has."""
        return [graph.train_op, graph.metrics, graph.batch]

    def _save(self, session):
        began = time.time()
        path = os.path.join(self.train_dir, "model.ckpt")
        self.checkpoint = self._saver.save(session, path, global_step=self.step, write_meta_graph=False)
        checkpoint_files.remove_surplus(self.train_dir, self.options.keep)
        self.seconds["checkpoints"] += time.time() - began

    def _is_evaluation_due(self):
        """Tell whether the schedule wants the present step evaluated, and it was not."""
        every = self.options.eval_every
        if every is None:
            every = max(self.steps // 10, LEAST_STEPS_BETWEEN_EVALUATIONS)
        if every == 0 or (self.step % every != 0 and self.step != self.steps):
            return False
        return not self.metrics.is_evaluated(self.step)

    def _evaluate(self, quantized):
        """Score the checkpoint that was just saved on the test images; keep it if it is the best."""
        began = time.time()
        if self._evaluator is None or self._evaluator.quantized != quantized:
            self._evaluator = None  # the float graph's memory goes before the quantized one's comes
            self._evaluator = evaluation.Evaluator(self.config, quantized, threads=self.threads, stop=self.stop)
        result = self._evaluator.evaluate(self.checkpoint)
        seconds = time.time() - began
        self.seconds["evaluations"] += seconds
        if result is None:
            return
        is_best = self.best.offer(self.checkpoint, self.step, quantized, result)
        # Last, because it is what says that this step is evaluated: a kill before it repeats the evaluation.
        self.metrics.add_evaluation(self.step, quantized, result, seconds)
        class_names = training_records.read_label_map(os.path.join(self.train_dir, "label_map.pbtxt"))
        self.metrics.add_summary(self.step, sample_images.image_summary(result.samples, class_names))
        say(
            "evaluated step {}: mAP {:.3f}{}, mAP@.5 {:.3f} on {} test images in {}".format(
                self.step,
                result.map,
                " (best)" if is_best else "",
                result.map_50,
                result.images,
                format_duration(seconds),
            )
        )
