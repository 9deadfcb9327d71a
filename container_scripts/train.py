"""Train an object detection model, or go on with its training.

    python container_scripts/train.py --records-dir input/tf_records/cats --model model.json \\
        --steps 1000 --batch 16 --seed 0 --train-dir output/cats/train

model.json is a preset (`pipeline/models/NAME.yaml`) as JSON; --config takes a pipeline.config instead. The
train folder gets the final pipeline.config, label_map.pbtxt, checkpoints, best.json and best/ (the best checkpoint),
metrics.jsonl and TensorBoard's events.
The same command after an interruption, a crash or with more steps goes on from the last checkpoint.
^C saves a checkpoint at the current step first.
"""

import argparse
import os
import shutil

from training.stop_signal import Stopped, StopSignal

STOP = StopSignal()  # before TensorFlow, whose import takes seconds

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

from checkpoints import (  # noqa: E402
    checkpoint_files,
    pretrained_weights,
)
from configs import (  # noqa: E402
    config_checks,
    model_config,
    training_options,
)
from screen import say  # noqa: E402
from training import (  # noqa: E402
    devices,
    metrics_files,
    training_loop,
    training_records,
)

from pipeline.core_count import count_cores  # noqa: E402


def build_config(arguments, records, class_names):
    """Build the run's final config from its preset or its user's file."""
    if arguments.config:
        config = model_config.read_config_file(arguments.config)
        if config.train_config.fine_tune_checkpoint:
            say("fine_tune_checkpoint of {} is not used; PRETRAINED=path begins with it".format(arguments.config))
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
        options=arguments.options,
    )
    return config


def train(arguments):
    """Check what can be checked, write the run's config, train; returns the step reached."""
    train_dir = arguments.train_dir
    os.makedirs(train_dir, exist_ok=True)
    devices.choose(arguments.options, batch=training_options.batch_size(arguments.options, arguments.batch))
    checkpoint_files.remove_half_saved(train_dir)
    checkpoint = checkpoint_files.find_checkpoint(train_dir)
    step = checkpoint_files.read_step(checkpoint) if checkpoint else 0
    if step > arguments.steps or (step == arguments.steps and _is_evaluated(train_dir, step, arguments.options)):
        say("{} has {} steps already; {} were asked for".format(train_dir, step, arguments.steps))
        return step
    label_map_path = os.path.join(arguments.records_dir, "label_map.pbtxt")
    class_names = training_records.read_label_map(label_map_path)
    records = training_records.check_records(arguments.records_dir, "train", len(class_names))
    config = build_config(arguments, records, class_names)
    if arguments.options.pretrained:
        pretrained_weights.note_in_config(config, arguments.options.pretrained, train_dir)
    config_checks.check_config(config, records, class_names, arguments.steps, arguments.options, resumed=step > 0)
    model_config.write_config_file(config, os.path.join(train_dir, "pipeline.config"))
    shutil.copyfile(label_map_path, os.path.join(train_dir, "label_map.pbtxt"))
    say("training on {} images, {} boxes, {} classes".format(records.images, records.boxes, len(class_names)))
    if step:
        say("resuming at step {}".format(step))
    loop = training_loop.TrainingLoop(
        config,
        train_dir,
        arguments.options,
        checkpoint=checkpoint,
        threads=arguments.threads,
        seed=arguments.seed,
        stop=STOP,
    )
    loop.run()
    return loop.step


def _is_evaluated(train_dir, step, options):
    """Tell whether nothing is left to do at the last step: a kill may have come right before its evaluation."""
    return options.eval_every == 0 or any(line["step"] == step for line in metrics_files.read_evaluations(train_dir))


def main():
    """Train; ^C ends with 130 and says what was kept."""
    arguments = _parse_arguments()
    try:
        step = train(arguments)
    except Stopped:
        step = 0
    if STOP.asked and step < arguments.steps:
        kept = checkpoint_files.find_checkpoint(arguments.train_dir)
        if kept:
            say(
                "interrupted at step {}; kept {}: the same command goes on from there".format(
                    checkpoint_files.read_step(kept), kept
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
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--epochs", type=float, help="how often each training image is seen, instead of --steps")
    parser.add_argument("--options", help="an options.json: see training_options.py")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=count_cores())
    parser.add_argument("--input-size", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--train-dir", required=True)
    arguments = parser.parse_args()
    if not arguments.model and not arguments.config:
        parser.error("one of --model and --config is needed")
    if arguments.batch < 1 or (arguments.steps is not None and arguments.steps < 1):
        parser.error("--steps and --batch start at 1")
    arguments.options = training_options.read_options(arguments.options)
    if arguments.epochs is not None:
        images = training_records.count_images(arguments.records_dir, "train")
        batch = training_options.batch_size(arguments.options, arguments.batch)
        arguments.steps = training_options.steps_of_epochs(arguments.epochs, images, batch)
    return arguments


if __name__ == "__main__":
    raise SystemExit(main())
