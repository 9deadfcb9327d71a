"""Which image belongs to an annotation of one image: Pascal VOC's XML files, LabelMe's JSON files.

The image is the one that the annotation names, in any of the ways of `image_index`. Files named after the annotation
are looked at last: a copied annotation still has the name of the image from which it was copied.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.pairing.image_index import ImageIndex, key_of, last_part_of
from pipeline.datasets.problems import Problems


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an annotation says of its image: a name or "", how many boxes it has, whether it holds the image itself."""

    name: str
    boxes: int = 0
    is_embedded: bool = False


def pair_images(
    wanted: dict[Path, Wanted], index: ImageIndex, problems: Problems, *, field: str = "<filename>"
) -> dict[Path, Path]:
    """Find each annotation's image: {annotation: image file}.

    An annotation without an image, with several equally good ones, or with one that another annotation has too, is
    refused, unless it holds the image itself: then it is left out of the result. Images that no annotation wants are
    noted. `field` is where an annotation names its image.
    """
    candidates = {path: _find(index, path, want.name) for path, want in wanted.items()}
    claimed = Counter(found[0] for found in candidates.values() if len(found) == 1)
    pairs: dict[Path, Path] = {}
    taken: dict[int, Path] = {}
    for path, found in candidates.items():
        want = wanted[path]
        if not found or (len(found) == 1 and claimed[found[0]] > 1 and not _is_named_after(index, found[0], path)):
            own = _find(index, path, path.stem)
            if own and own != found:
                if want.name:
                    problems.note("image_name_differs", str(path))
                found = own
        if len(found) == 1 and found[0] not in taken:
            taken[found[0]] = path
            pairs[path] = index.path_of(found[0])
        elif not want.is_embedded:
            _refuse(path, want, found, taken, index, problems, field=field)
    for image in range(len(index)):
        if image not in taken:
            problems.note("image_unannotated", str(index.path_of(image)))
    return pairs


def _find(index: ImageIndex, path: Path, name: str) -> list[int]:
    exact = index.exact(os.path.dirname(path), name) if name else None
    return (
        [exact] if exact is not None else index.nearest(index.alike(last_part_of(name)), beside=path.parent, name=name)
    )


def _is_named_after(index: ImageIndex, image: int, path: Path) -> bool:
    return key_of(index.names[image]) == key_of(path.stem)


def _refuse(
    path: Path,
    want: Wanted,
    found: list[int],
    taken: dict[int, Path],
    index: ImageIndex,
    problems: Problems,
    *,
    field: str,
) -> None:
    what = want.name or path.stem
    if len(found) > 1:
        message = f"{path}: its image {what!r} could be {index.in_words(found)}"
        problems.refuse("image_missing", message, hint=f"name the file in {field}", boxes=want.boxes)
    elif found:
        message = f"{path}: {taken[found[0]]} is an annotation of {index.path_of(found[0])} too"
        problems.refuse("annotation_repeated", message, hint="delete one of them", boxes=want.boxes)
    elif index.leads_out(path.parent, what):
        problems.refuse(
            "image_unsafe_path",
            f"{path}: its image {what!r} leads out of {index.root}, "
            f"and no image in it is called {last_part_of(what)!r}",
            hint=f"put the image beside it, or delete {path}",
            boxes=want.boxes,
        )
    else:
        problems.refuse(
            "image_missing",
            f"{path}: no image {what!r} for it",
            hint=f"put the image beside it, or delete {path}",
            boxes=want.boxes,
        )
