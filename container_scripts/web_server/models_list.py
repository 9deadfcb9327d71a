"""What the page can choose from: the runs below output/ that have a TensorFlow.js model, the newest first.

    {"models": [{"name": "cats", "detector": "models/cats/detector.js", "labels": ["cat", "dog"],
                 "builds": [{"kind": "fast", "url": "models/cats/fast/", "bytes": 717223, "map": 0.764, "map50": 0.988},
                            {"kind": "whole", "url": "models/cats/model.json", "bytes": 2309733, "map": null, ...}]}],
     "others": [{"name": "dogs", "why": "it is trained, but not exported: make export NAME=dogs"}]}

All addresses are relative to the page, so that the same file serves a copy on another server. Looked up at every
request: a model that is exported while the page is open is there after a reload.
"""

import json
import math
import os

from web_server.site import RUN_NAME, is_within

ROWS = {"fast": "tfjs_fast", "whole": "tfjs"}
"""Each build's name in evaluation/metrics.json."""


class ModelProblem(Exception):
    """Why a run's model is not offered, as the end of a sentence."""


def list_models(output_dir):
    """Return what the module's text shows."""
    models, others = [], []
    for run in sorted(find_runs(output_dir)):
        folder = os.path.join(output_dir, run)
        try:
            model = describe_run(folder, run)
        except ModelProblem as problem:
            others.append({"name": run, "why": str(problem)})
            continue
        if model:
            models.append(model)
    models.sort(key=lambda model: model.pop("exported_at"), reverse=True)
    return {"models": models, "others": others}


def find_runs(output_dir):
    """Return the names of the folders of output/ that can be runs."""
    try:
        names = os.listdir(output_dir)
    except OSError:
        return []
    folders = [(name, os.path.join(output_dir, name)) for name in names if RUN_NAME.match(name)]
    return [name for name, folder in folders if os.path.isdir(folder) and is_within(folder, output_dir)]


def describe_run(folder, run):
    """Return what the page needs of one run, or None for a folder that is no run; raise ModelProblem."""
    tfjs = os.path.join(folder, "tensorflow_js")
    if not os.path.isdir(tfjs):
        if os.path.exists(os.path.join(folder, "train", "checkpoint")):
            raise ModelProblem("it is trained, but not exported: make export NAME={}".format(run))
        return None
    labels = read_json(os.path.join(tfjs, "labels.json"))
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ModelProblem(
            "its tensorflow_js/labels.json cannot be read as a list of names: make export NAME={}".format(run)
        )
    rows = read_metrics(os.path.join(folder, "evaluation", "metrics.json"))
    address = "models/" + run + "/"
    builds = []
    if os.path.isfile(os.path.join(tfjs, "fast", "detector.json")):
        builds.append(describe_build("fast", address + "fast/", os.path.join(tfjs, "fast"), rows))
    if os.path.isfile(os.path.join(tfjs, "model.json")):
        builds.append(describe_build("whole", address + "model.json", tfjs, rows))
    if not builds:
        raise ModelProblem("its tensorflow_js/ holds no model: make export NAME={}".format(run))
    return {
        "name": run,
        "detector": address + "detector.js",
        "labels": labels,
        "builds": builds,
        "exported_at": os.stat(tfjs).st_mtime,
    }


def describe_build(kind, url, folder, rows):
    """Return one build of a model: what it is called, where it is, its size, its scores where it was evaluated."""
    row = rows.get(ROWS[kind], {})
    size = sum(entry.stat().st_size for entry in os.scandir(folder) if entry.name.endswith((".json", ".bin")))
    scores = {name: number_or_none(row.get(name)) for name in ("map", "map50")}
    return dict(scores, kind=kind, url=url, bytes=size)


def number_or_none(value):
    """Return a finite number as it is, None for anything else: JSON in a browser knows no NaN."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None


def read_metrics(path):
    """Return the rows of metrics.json by artefact; none when it is not there or of another form."""
    metrics = read_json(path)
    rows = metrics.get("artefacts", []) if isinstance(metrics, dict) else metrics
    if not isinstance(rows, list):
        return {}
    return {row["artefact"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("artefact"), str)}


def read_json(path):
    """Return what a JSON file holds, None when it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
