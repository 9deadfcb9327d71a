"""What was trained on what, and how the training went: the head of the report's body."""

from __future__ import annotations

from html import escape

from pipeline.report.box_counts import BoxCounts
from pipeline.report.dataset_page import render_box_charts
from pipeline.run_report.line_chart import Line, Mark, draw_lines
from pipeline.run_report.parts import count, render_facts
from pipeline.run_report.run_data import RunData
from pipeline.run_report.training_log import TrainingLog

_SHOWN_SETTINGS = ("lr", "warmup", "schedule", "optimizer", "augment", "freeze", "moving_average", "qat_delay",
                   "balance", "max_side", "seed", "config")  # fmt: skip


def render_basis(data: RunData) -> str:
    """Render what was trained on what."""
    files, settings = data.files, data.files.settings
    images = data.images
    size = ""
    if data.preset is not None:
        size = f", input {data.preset.input_width}x{data.preset.input_height} pixels"
    quantized = ""
    if files.model.get("quantized") is not None:
        quantized = ", quantized (made for 8-bit numbers)" if files.model["quantized"] else ", float"
    other = ", ".join(
        f"{key} {settings[key]}" for key in _SHOWN_SETTINGS if settings.get(key) not in (None, "none", [], False)
    )
    step = files.model.get("step")
    best = files.log.best_step
    kept = ""
    if step is not None:
        kept = f"step {step}" + (", the best of the evaluations" if step == best else "")
    return render_facts(
        {
            "Model": f"<code>{escape(str(settings.get('model') or 'unknown'))}</code>{size}{quantized}",
            "Dataset": f"<code>{escape(str(settings.get('dataset') or 'unknown'))}</code>{_dataset(data)}",
            "Images": " and ".join(
                f"{images[part]:,} to {words}"
                for part, words in (("train", "train on"), ("test", "test with"))
                if part in images
            ),
            "Classes": _classes(data),
            "Training": _training(data),
            "Began with": _pretrained(settings.get("pretrained")),
            "Other settings": escape(other),
            "Exported": kept,
        }
    )


def _dataset(data: RunData) -> str:
    check = data.files.check
    if not check:
        return ""
    told = f", read as {escape(str(check.get('format')))}"
    findings = sum(check.get("findings", {}).values())
    if findings:
        told += f"; the check found {count(findings, 'thing')} worth a look: <code>dataset.html</code>"
    return told


def _classes(data: RunData) -> str:
    names = data.scored.matches.class_names if data.scored else tuple(data.files.model.get("classes") or ())
    shown = ", ".join(
        f"<bdi>{escape(name[:60])}</bdi>" + (f" ({data.train_boxes[name]:,})" if data.train_boxes else "")
        for name in names[:20]
    )
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return shown + more + ("; in brackets the boxes to train on" if data.train_boxes and names else "")


def _training(data: RunData) -> str:
    settings, log = data.files.settings, data.files.log
    steps = log.last_step or settings.get("steps")
    if not steps:
        return ""
    words = f"{int(steps):,} steps"
    if settings.get("batch"):
        words += f" of {count(int(settings['batch']), 'image')}"
        if data.images.get("train"):
            seen = int(steps) * int(settings["batch"]) / data.images["train"]
            words += f": each training image was seen about {max(round(seen), 1):,} times"
    return words


def _pretrained(pretrained: object) -> str:
    if pretrained in (None, "", "none"):
        return "nothing: from scratch, or the model's own default" if pretrained is None else "nothing: from scratch"
    return f"<code>{escape(str(pretrained))}</code>"


def render_dataset_charts(counts: BoxCounts | None) -> str:
    """Render the charts that the dataset's page has, of all images of the run."""
    if counts is None:
        return "<p>The dataset's tables are not there any more.</p>"
    return render_box_charts(counts)


def find_quantization_step(data: RunData) -> int | None:
    """Return the step at which training went on as uint8; None where it never did, or all the time.

    It is what QAT_DELAY says, or the preset's delay on the scale of the run, if that agrees with the evaluations; else
    the last evaluation before it.
    """
    between = data.files.log.quantized_between
    if between is None:
        return None
    settings, preset = data.files.settings, data.preset
    delay = settings.get("qat_delay")
    if delay is None and preset is not None and settings.get("steps"):
        rewriter = preset.pipeline.get("graph_rewriter") or {}
        delay = (rewriter.get("quantization") or {}).get("delay", 0) * int(settings["steps"]) / preset.steps
    if isinstance(delay, (int, float)) and between[0] <= delay <= between[1]:
        return round(delay)
    return between[0]


def render_curves(log: TrainingLog, phase: int | None = None) -> str:
    """Render loss, learning rate and mAP over the steps, with the best checkpoint; `phase` begins quantization."""
    if not log.losses and not log.evaluations:
        return "<p>The training left no curves.</p>"
    last = max([log.last_step, *(one.step for one in log.evaluations)])
    span = (0.0, float(last))
    marks = [Mark(phase, "quantized from here")] if phase is not None else []
    best = next((one for one in log.evaluations if one.step == log.best_step), None)
    charts = []
    if log.evaluations:
        ring = [Mark(best.step, f"best: {best.map:.3f}", at=best.map)] if best else []
        lines = [
            Line("mAP", [(one.step, one.map) for one in log.evaluations], dots=True),
            Line("mAP@.5", [(one.step, one.map50) for one in log.evaluations], "var(--second)", "6 3", dots=True),
        ]
        told = f"the best is {best.map:.3f} at step {best.step}" if best else f"{len(log.evaluations)} evaluations"
        charts.append((
            "How well it detects",
            draw_lines(lines, title="mAP on the test images over the steps", described=told, across="step", up="mAP",
                       marks=[*marks, *ring], span=span, rise=(0, 1)),
            f"mAP (solid) and mAP@.5 (dashed) on the test images; {told}.",
        ))  # fmt: skip
    if log.losses:
        told = f"{log.losses[0][1]:.3g} at first, {log.losses[-1][1]:.3g} at the end"
        charts.append((
            "How far off it is in training",
            draw_lines([Line("loss", log.losses)], title="Loss over the steps", described=told, across="step",
                       up="loss", marks=marks, span=span, logarithmic=True),
            f"Loss: {told}. It should fall, and flatten out. The scale is logarithmic.",
        ))  # fmt: skip
    if log.learning_rates:
        told = f"{max(rate for _, rate in log.learning_rates):.3g} at most"
        charts.append((
            "How large its steps are",
            draw_lines([Line("learning rate", log.learning_rates)], title="Learning rate over the steps",
                       described=told, across="step", up="learning rate", marks=marks, span=span),
            f"Learning rate: {told}.",
        ))  # fmt: skip
    return '<div class="charts">' + "".join(
        f'<figure class="chart"><h3>{head}</h3>{chart}<figcaption>{words}</figcaption></figure>'
        for head, chart, words in charts
    ) + "</div>"  # fmt: skip
