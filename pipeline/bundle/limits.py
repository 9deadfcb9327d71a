"""What a model may be trusted with, said from its figures: no phrase here that no figure stands behind."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.bundle.model_facts import ModelFacts

WEAK_AP = 0.3
FEW_TEST_IMAGES = 50
FEW_TEST_BOXES = 20
SMALL_SHARE = 0.04


def describe_limits(facts: ModelFacts) -> Iterator[str]:
    """Yield a list: what it is made for, what it has not been tried on, which classes to doubt."""
    names = facts.model.get("classes", [])
    yield (
        f"- Made to find {', '.join(names)} in images like those of `{facts.data.name}`: the same cameras, distances "
        "and light. How it does on others was not measured; try it on your own images before you rely on it."
    )
    yield from doubt_figures(facts)
    yield from doubt_classes(facts)
    size = facts.model.get("input_width")
    if size and facts.model.get("architecture") == "ssd":
        yield (
            f"- Images are shrunk to {size}x{facts.model['input_height']} pixels: an object narrower than "
            f"{SMALL_SHARE * 100:.0f} % of the image is less than {round(SMALL_SHARE * size)} pixels wide then, and "
            "SSD misses many of those."
        )
    yield "- Boxes come with a score, not with a probability; choose the threshold on images of your own."
    yield "- Not tested for decisions about people, nor where a missed object can hurt somebody."


def doubt_figures(facts: ModelFacts) -> Iterator[str]:
    """Say how well it did, and how much of a sample that is."""
    best = facts.judged
    if best is None:
        yield "- It was not evaluated here: nothing is known of how well it detects."
        return
    yield f"- `{best['artefact']}` scored mAP {best['map']:.3f} and mAP@.5 {best['map50']:.3f} on the test images."
    images = facts.data.images.get("test")
    if images is not None and images < FEW_TEST_IMAGES:
        yield f"- That is {images} test images: few, so the figures may be several points off."
    broken = [entry for entry in facts.measured if entry.get("verdict") == "broken"]
    for entry in broken:
        points = abs(entry["difference_points"])
        yield f"- `{entry['artefact']}` is {points:.1f} mAP points from its checkpoint, which is beyond its limit."


def doubt_classes(facts: ModelFacts) -> Iterator[str]:
    """Name classes that it finds badly, and classes that hardly anything is known of."""
    best = facts.judged
    scores = (best or {}).get("per_class") or {}
    weak = [f"{name} ({score:.2f})" for name, score in scores.items() if score is not None and score < WEAK_AP]
    if weak:
        yield f"- Average precision below {WEAK_AP}: {', '.join(weak)}. Do not rely on these."
    few = [
        f"{name} ({boxes['test']})"
        for name, boxes in facts.data.classes.items()
        if "test" in boxes and boxes["test"] < FEW_TEST_BOXES
    ]
    if few:
        yield f"- Fewer than {FEW_TEST_BOXES} test boxes, so hardly measured: {', '.join(few)}."
