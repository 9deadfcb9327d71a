"""Pack the images and their boxes into sharded TFRecords, as the Object Detection API reads them."""

from __future__ import annotations

import re

from pipeline.plan import Job, Place, Plan

NAME = "records"
IMAGE = "pipeline"
SCRIPT = "pipeline/jobs/records.py"

TEST_RECORDS = ("test.record-*", "label_map.pbtxt")
"""What an evaluation reads of the records."""
NO_TEST_RECORDS = "there are no test records any more, so that nothing can be compared with the checkpoint"

_RESIZER = re.compile(r"\bimage_resizer\s*:?\s*\{(?P<content>[^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_SIDE = re.compile(r"\b(?:height|width|min_dimension|max_dimension)\s*:\s*(\d+)")


def job(plan: Plan) -> Job:
    settings = plan.settings
    # The check stage, first of every chain, has decoded every image already.
    return Job(
        command=(
            "-m", "pipeline.jobs.records", "--tf-csv-dir", "{tf_csv}", "--records-dir", "{records}",
            "--seed", str(settings.seed), "--max-side", str(max_side(plan)), "--balance", settings.balance, "--checked",
        ),
        inputs={"tf_csv": Place(plan.run.tf_csv)},
        settings={"seed": settings.seed, "max_side": max_side(plan), "balance": settings.balance},
        outputs={"records": Place(plan.run.records)},
        hints={"tf_csv": plan.run.how_to("train")},
    )  # fmt: skip


def max_side(plan: Plan) -> int:
    """Return the longest side of a photo in the records, in pixels, or 0 for any: the run's own, else one that fits.

    Three times the shorter side of the model's input, and at least the longer one. Augmentation by random crops
    enlarges parts of a photo down to a tenth of its area (the Object Detection API's ssd_random_crop), which is a
    third of its side: a photo of that size still gives the model as many pixels as it takes. The input of a user's
    own pipeline.config is read from it; where its resizer has no fixed size, photos stay as they are.
    """
    if plan.settings.max_side is not None:
        return plan.settings.max_side
    sides = [plan.preset.input_height, plan.preset.input_width]
    if plan.base_config is not None:
        without_comments = re.sub(r"#.*", "", plan.base_config)
        resizer = _RESIZER.search(without_comments)
        sides = [int(side) for side in _SIDE.findall(resizer["content"])] if resizer else []
    return max(3 * min(sides), max(sides)) if sides and min(sides) > 0 else 0
