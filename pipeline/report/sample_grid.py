"""A few images of a dataset with their boxes drawn: the odd ones first, then each class, then from all over.

The pictures lie in the page as small JPEGs, turned as the records will turn them; the boxes are drawn over them as
SVG, so they stay sharp.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps

from pipeline.datasets.findings import KINDS
from pipeline.datasets.images.content import read_content
from pipeline.datasets.images.frame import READ_FORMATS, is_turned, to_header
from pipeline.datasets.model import Box, Image
from pipeline.datasets.problems import Problems
from pipeline.report.charts import class_style, draw_swatch
from pipeline.report.findings_table import severity

SAMPLES = 24
ODD_SAMPLES = 8
SIDE = 360
DRAWN_BOXES = 300
_QUALITY = 72
_LEAST_QUALITY = 40
_LARGE_BYTES = 50_000
_MAX_PIXELS = 200_000_000
_LONGEST_LABEL = 60


@dataclass(frozen=True, slots=True)
class Sample:
    """An image to show, and the kinds of findings that name it."""

    image: Image
    kinds: tuple[str, ...] = ()


def choose_samples(images: Sequence[Image], problems: Problems, *, most: int = SAMPLES) -> Iterator[Sample]:
    """Yield images worth a look, the best first, without end short of all: whoever shows them takes `most`.

    The same images and findings give the same choice, whatever the order of the images.
    """
    ordered = sorted(images, key=lambda image: image.name)
    kinds = _kinds_by_image(ordered, problems)
    chosen: dict[str, Image] = {}
    # One of each kind of finding before a second of any
    ranked: Counter[str] = Counter()
    odd: list[tuple[int, int, Image]] = []
    for image in (image for image in ordered if image.name in kinds):
        first = min(kinds[image.name], key=lambda kind: ranked[kind])
        odd.append((ranked[first], len(odd), image))
        ranked[first] += 1
    for _, _, image in sorted(odd, key=lambda one: one[:2])[:ODD_SAMPLES]:
        chosen[image.name] = image
    seen = {box.label for image in chosen.values() for box in image.boxes}
    counts = Counter(label for image in ordered for label in {box.label for box in image.boxes})
    for label, _ in sorted(counts.items(), key=lambda item: (item[1], item[0])):
        if label in seen or len(chosen) >= most:
            continue
        image = next(image for image in ordered if any(box.label == label for box in image.boxes))
        chosen[image.name] = image
        seen.update(box.label for box in image.boxes)
    # Evenly spaced first, so that folders and videos are all met; then the rest, as some cannot be read
    spread = [ordered[index] for index in np.linspace(0, len(ordered) - 1, min(most, len(ordered))).astype(int)]
    for image in [*spread, *ordered]:
        chosen.setdefault(image.name, image)
    for image in chosen.values():
        yield Sample(image, kinds.get(image.name, ()))


def _kinds_by_image(images: Sequence[Image], problems: Problems) -> dict[str, tuple[str, ...]]:
    """Find the images that findings name, by their own file name or that of an annotation beside them."""
    named: dict[str, list[str]] = {}
    for kind, findings in problems.findings.items():
        for finding in findings:
            for word in _file_names(finding.message):
                if kind not in named.setdefault(word, []):
                    named[word].append(kind)
    kinds = {}
    for image in images if named else ():
        found = [kind for word in (image.name, image.path.name, image.path.stem) for kind in named.get(word, ())]
        if found:
            kinds[image.name] = tuple(dict.fromkeys(found))
    return kinds


def _file_names(message: str) -> set[str]:
    """Return what may be the names of files in a sentence, with and without their suffix."""
    words = set()
    # A path ends at a colon, a comma, a quote or a bracket; before the first colon it may hold any of these
    for part in [message.split(": ")[0], *re.split(r"[:,'\"]\s|[:,]$| \(", message)]:
        word = re.split(r"[/\\]", part.strip(" '\".,:"))[-1]
        words |= {word, word.rpartition(".")[0], word.split(" ")[0]}
    return words - {""}


def render_samples(samples: Iterator[Sample], numbers: Mapping[str, int], *, most: int = SAMPLES) -> tuple[str, int]:
    """Render up to `most` samples that can be read, and say how many. `numbers` are the labels' ids, from 0."""
    figures: list[str] = []
    for sample in samples:
        if len(figures) == most:
            break
        picture = make_thumbnail(sample.image)
        if picture is not None:
            figures.append(_render_sample(sample, picture, numbers))
    return "".join(figures), len(figures)


def make_thumbnail(image: Image) -> bytes | None:
    """Return a small JPEG of an image as its boxes were drawn; None where it cannot be read."""
    try:
        return shrink_picture(read_content(image), width=image.width, height=image.height)
    except Exception:  # Pillow raises almost anything for a broken image; the findings have it already
        return None


def shrink_picture(content: bytes, *, width: int, height: int) -> bytes | None:
    """Return a small JPEG of a picture, turned as boxes of a frame of that size want it; None of one too large.

    Raises what Pillow raises for a broken one.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Pillow.open(io.BytesIO(content), formats=READ_FORMATS) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                return None
            turned = is_turned(to_header(opened), width, height)
            if opened.format == "JPEG":
                opened.draft("RGB", (SIDE, SIDE))
            picture = ImageOps.exif_transpose(opened) if turned else opened
            picture = _to_rgb(picture)
            picture.thumbnail((SIDE, SIDE))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
            if buffer.tell() > _LARGE_BYTES:
                buffer = io.BytesIO()
                picture.save(buffer, "JPEG", quality=_LEAST_QUALITY, optimize=True)
            return buffer.getvalue()


def _to_rgb(image: Pillow.Image) -> Pillow.Image:
    """Show what the records will hold: the upper 8 of 16 bits, transparent pixels over white."""
    if image.mode.startswith("I"):
        return Pillow.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", coloured.size, "white"), coloured).convert("RGB")
    return image.convert("RGB")


def _render_sample(sample: Sample, picture: bytes, numbers: Mapping[str, int]) -> str:
    image = sample.image
    counts = Counter(box.label for box in image.boxes)
    words = ", ".join(f"{count} {label[:_LONGEST_LABEL]}" for label, count in sorted(counts.items())[:6]) or "no boxes"
    more = f" and {len(counts) - 6} more classes" if len(counts) > 6 else ""
    not_drawn = f"; {DRAWN_BOXES} largest drawn" if len(image.boxes) > DRAWN_BOXES else ""
    swatches = "".join(draw_swatch(numbers.get(label, 0)) for label in sorted(counts)[:6])
    badges = "".join(
        f'<span class="badge {severity(kind)}">{escape(KINDS[kind].title)}</span> ' for kind in sample.kinds[:3]
    )
    return render_figure(
        picture,
        (image.width, image.height),
        name=image.name,
        words=f"{words}{more}",
        drawn=_draw_boxes(image, numbers),
        caption=f"{swatches}<bdi>{escape(words)}{more}{not_drawn}</bdi> {badges}",
    )


def render_figure(
    picture: bytes, size: tuple[int, int], *, name: str, words: str, drawn: str, caption: str, scale: float = 1.0
) -> str:
    """Render a picture of a grid: `drawn` is the SVG over it, `words` describe it, `caption` is HTML.

    `size` is (width, height) of the frame of its boxes; pictures of one grid share the height of their row.
    """
    ratio = size[0] / size[1]
    shown = min(max(ratio, 0.55), 2.4)
    narrow = "" if ratio >= 0.55 else f' style="width:{max(100 * ratio / 0.55, 1):.0f}%"'
    basis, most = shown * 165 * scale, shown * 250 * scale
    return (
        f'<figure class="sample" style="flex:{shown * 100:.0f} 1 {basis:.0f}px;max-width:{most:.0f}px">'
        f'<div class="photo"{narrow}><img alt="{escape(name)}: {escape(words)}" '
        f'style="aspect-ratio:{size[0]}/{size[1]}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">{drawn}</div>'
        f'<figcaption><b title="{escape(name)}"><bdi>{escape(name)}</bdi></b>{caption}</figcaption></figure>'
    )


def _draw_boxes(image: Image, numbers: Mapping[str, int]) -> str:
    boxes = sorted(image.boxes, key=_area, reverse=True)[:DRAWN_BOXES]
    outlines: dict[tuple[str, str], list[str]] = {}
    for box in boxes:
        outlines.setdefault(class_style(numbers.get(box.label, 0)), []).append(_outline(box))
    # A dark line under all of them, and a white one in the gaps of dashes, stand out from any photo
    dashed = "".join(line for (_, dash), lines in sorted(outlines.items()) if dash != "none" for line in lines)
    paths = [f'<path class="under" d="{"".join(_outline(box) for box in boxes)}"/>'] if boxes else []
    if dashed:
        paths.append(f'<path class="gaps" d="{dashed}"/>')
    for (colour, dash), lines in sorted(outlines.items()):
        paths.append(f'<path d="{"".join(lines)}" stroke="{colour}" stroke-dasharray="{dash}"/>')
    return (
        f'<svg viewBox="0 0 {image.width} {image.height}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(paths)}</svg>"
    )


def _area(box: Box) -> float:
    return (box.xmax - box.xmin) * (box.ymax - box.ymin)


def _outline(box: Box) -> str:
    return f"M{box.xmin:.1f} {box.ymin:.1f}H{box.xmax:.1f}V{box.ymax:.1f}H{box.xmin:.1f}Z"
