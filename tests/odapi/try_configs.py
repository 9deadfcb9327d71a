"""Fit configs to runs with the real scripts, one process for many; runs in the odapi environment.

    python try_configs.py --records-dir FOLDER --presets FOLDER < cases.json > found.json

A case: {"preset": "ssd_mobilenet_v2_quantized", "config": "text or null", "options": {...}, "steps": 1000, "batch": 8}.
What is found: {"said": [lines], "exit": 0 or 2, "rates": {step: learning rate}, "fields": {path: value}} of it.
"""

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import tensorflow as tf
from configs import config_checks, model_config, training_options
from object_detection.builders import optimizer_builder
from training import training_records

IMAGES, BOXES = 40, 120


def try_case(case, records_dir, presets):
    """Build a case's final config and check it as train.py does; give what was said and what came of it."""
    said = io.StringIO()
    found = {"exit": 0}
    with contextlib.redirect_stderr(said):
        try:
            config = build(case, records_dir, presets)
            found["fields"] = {path: read_field(config, path) for path in case.get("fields", [])}
            found["rates"] = rates_of(config, case.get("rates", []))
        except SystemExit as end:
            found["exit"] = end.code
    found["said"] = said.getvalue().splitlines()
    return found


def build(case, records_dir, presets):
    if case.get("config") is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "pipeline.config")
            with open(path, "w") as file:
                file.write(case["config"])
            os.chdir(folder)
            config = model_config.read_config_file("pipeline.config")
    else:
        config = model_config.read_preset_config(os.path.join(presets, case["preset"] + ".json"))
    options = training_options.make_options(**case.get("options", {}))
    label_map = os.path.join(records_dir, "label_map.pbtxt")
    names = training_records.read_label_map(label_map)
    pattern = os.path.join(records_dir, case.get("pattern", "train.record-*"))
    records = training_records.Records(pattern, case.get("images", IMAGES), BOXES, 5)
    steps = case.get("steps", 1000)
    model_config.fit_to_run(
        config, records=records, test_pattern=pattern, label_map_path=label_map, class_count=len(names), steps=steps,
        batch=case.get("batch", 4), options=options,
    )  # fmt: skip
    config_checks.check_config(config, records, names, steps, options, resumed=case.get("resumed", False))
    return config


def read_field(config, path):
    """Read a.b[0].c of a message; of a list all, of a message its text."""
    value = config
    for part in path.split("."):
        name, _, index = part.partition("[")
        value = getattr(value, name)
        value = value[int(index[:-1])] if index else value
    if hasattr(value, "DESCRIPTOR"):
        return str(value)
    if hasattr(value, "extend"):
        return [str(item) if hasattr(item, "DESCRIPTOR") else item for item in value]
    return value


def rates_of(config, steps):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        step = tf.compat.v1.train.get_or_create_global_step()
        _, (rate,) = optimizer_builder.build(config.train_config.optimizer)
        return {number: round(float(session.run(rate, {step: number})), 12) for number in steps}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records-dir", required=True)
    parser.add_argument("--presets", required=True)
    arguments = parser.parse_args()
    cases = json.load(sys.stdin)
    found = {name: try_case(case, arguments.records_dir, arguments.presets) for name, case in cases.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
