"""Say in the first second where a model cannot go, and what does work: before an environment is made or a job started.

make tflite NAME=cats        exit code 2 when cats is a Faster R-CNN: only SSD converts to TFLite
make export NAME=cats        makes what there is of it, and begins with what there is not, and why
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError
from pipeline.plan import Plan
from pipeline.stages import edgetpu, frigate, tflite

AN_SSD = "MODEL=ssd_mobilenet_v2_quantized"
ALWAYS = ("frozen graph", "SavedModel", "TensorFlow.js")
ONLY_OF_SSD = {
    "tfjs_weights": "the browser's fast build",
    "nms": "the post-processing of TFLite",
    "max_detections": "the post-processing of TFLite",
}
"""Settings that say something of a form that only an SSD has."""


def check_verb(plan: Plan, verb: str, given: Mapping[str, Any]) -> None:
    """Raise ConfigError when a verb, or a setting that was given with it, wants a form that the model has not."""
    refusal = tflite.refusal(plan)
    if verb == "tflite" and refusal:
        raise ConfigError(refusal, hint=f"make tfjs NAME={plan.run.name}, or train an SSD: {AN_SSD}")
    if verb == "edgetpu" and (why := edgetpu.refusal(plan)):
        raise ConfigError(why, hint=f"train a model that is made for it: {AN_SSD}")
    wanted = next((name for name in ONLY_OF_SSD if given.get(name) is not None), None)
    if refusal and wanted:
        raise ConfigError(
            f"{wanted.upper()} is of {ONLY_OF_SSD[wanted]}, and {refusal}",
            hint=f"leave {wanted.upper()} out, or train an SSD: {AN_SSD}",
        )


def describe_forms(plan: Plan) -> str | None:
    """Say which forms the model will have and which it will not; None for one that becomes all of them."""
    refused = {"TFLite": tflite.refusal(plan), "Edge TPU": edgetpu.refusal(plan), "Frigate": frigate.refusal(plan)}
    missing = [form for form, why in refused.items() if why]
    if not missing:
        return None
    made = [*ALWAYS, *(form for form, why in refused.items() if not why)]
    if refused["TFLite"]:
        missing[1:1] = ["the browser's fast build"]
    reason = next(why for why in refused.values() if why)
    return f"{plan.model_name} becomes: {', '.join(made)}; not: {', '.join(missing)} ({reason})"
