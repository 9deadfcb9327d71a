"""What to do next, told from the course of the training and from what the exported files lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.explain.artefacts import find_command
from pipeline.run_report.advice import Advice
from pipeline.run_report.training_log import Evaluation, TrainingLog

STILL_RISING = 0.01
"""mAP won in the last third of the evaluations: below it is what two evaluations differ by chance."""
STILL_FALLING = 0.1
"""Share by which the mean loss of the last fifth lies under that of the fifth before."""
FELL = 0.03
"""mAP lost from the best evaluation to the mean of those after it, and to the last one."""
AFTER_BEST = 2
"""Evaluations after the best one, without which a fall may be chance."""
LEAST_EVALUATIONS = 3
LEAST_LOSSES = 10
WORTH_DROP = 0.02
"""mAP that an exported file may lose: uint8 costs 0.005 to 0.015 where all is well (TF1 detection zoo)."""

Train = Callable[..., str]


def advise_on_training(log: TrainingLog, *, steps: int, train: Train) -> list[Advice]:
    """Say whether to train longer or otherwise; `train` gives the command with settings changed."""
    fell = list(_advise_overfitting(log, train))
    return fell or list(_advise_longer(log, steps, train))


def _last_phase(log: TrainingLog) -> Sequence[Evaluation]:
    """The evaluations of the phase that was trained last: the first quantized ones start anew."""
    quantized = [one for one in log.evaluations if one.quantized]
    return quantized or log.evaluations


def _advise_overfitting(log: TrainingLog, train: Train) -> Iterator[Advice]:
    for phase in (False, True):
        evaluations = [one for one in log.evaluations if one.quantized is phase]
        if len(evaluations) < LEAST_EVALUATIONS:
            continue
        best = max(range(len(evaluations)), key=lambda number: evaluations[number].map)
        after = evaluations[best + 1 :]
        if len(after) < AFTER_BEST:
            continue
        mean = sum(one.map for one in after) / len(after)
        if evaluations[best].map - max(mean, after[-1].map) >= FELL:
            top = evaluations[best]
            yield Advice(
                "overfitting",
                f"mAP fell after step {top.step}: the model learns its images by heart",
                f"{top.map:.3f} at step {top.step}, {mean:.3f} in the mean after it. The best checkpoint was kept.",
                "Label more images; vary those that are there (AUGMENT=flip,crop,color; odpipe models --augmentations "
                "lists more), or stop in time with PATIENCE=3.",
                train(AUGMENT="flip,crop,color", PATIENCE=3),
            )
            return


def _advise_longer(log: TrainingLog, steps: int, train: Train) -> Iterator[Advice]:
    evaluations = _last_phase(log)
    command = train(STEPS=2 * (steps or log.last_step)) if steps or log.last_step else ""
    todo = "Train longer: twice the steps."
    if len(evaluations) >= LEAST_EVALUATIONS:
        before = max(one.map for one in evaluations[: -max(len(evaluations) // 3, 1)])
        last = evaluations[-1]
        if last.map - before >= STILL_RISING:
            yield Advice(
                "rising",
                "mAP was still rising at the end",
                f"{last.map:.3f} at step {last.step}, {last.map - before:.3f} more than two thirds of the way there.",
                todo,
                command,
            )
            return
    losses = [value for _, value in log.losses]
    fifth = len(losses) // 5
    if len(losses) < LEAST_LOSSES or not fifth:
        return
    last_mean = sum(losses[-fifth:]) / fifth
    mean_before = sum(losses[-2 * fifth : -fifth]) / fifth
    # Where mAP has stopped rising, a falling loss is no reason to go on
    if len(evaluations) < LEAST_EVALUATIONS and mean_before > 0 and 1 - last_mean / mean_before >= STILL_FALLING:
        yield Advice(
            "falling",
            "The loss was still falling at the end",
            f"{last_mean:.3g} in the mean of the last fifth of the steps, {mean_before:.3g} in the fifth before.",
            todo,
            command,
        )


def advise_on_files(metrics: Sequence[Mapping[str, Any]], *, name: str, has_drop: bool = False) -> list[Advice]:
    """Say which exported files lost more than they should against the checkpoint."""
    checkpoint = next((entry for entry in metrics if entry.get("artefact") == "checkpoint"), None)
    if checkpoint is None or not isinstance(checkpoint.get("map"), (int, float)):
        return []
    lost = {
        str(entry["artefact"]): checkpoint["map"] - entry["map"]
        for entry in metrics
        # Made for comparing only: nobody is given them
        if entry is not checkpoint
        and not str(entry.get("artefact")).endswith("_nms")
        and isinstance(entry.get("map"), (int, float))
    }
    worst = sorted((name for name, drop in lost.items() if drop >= WORTH_DROP), key=lambda one: -lost[one])
    if not worst:
        return []
    words = ", ".join(f"{one} {100 * lost[one]:.1f} points" for one in worst)
    looking = None if has_drop else find_command(name, worst)
    longer = "a quantized model that is trained longer loses less."
    todo = f"odpipe explain-drop tells which layers lose it; {longer}" if looking else longer.capitalize()
    if has_drop:
        todo = "Which layers lose it stands below."
    command = f".envs/pipeline/bin/{looking}" if looking else ""
    return [Advice("drop", "An exported file finds less than the model does", f"mAP lost: {words}.", todo, command)]
