"""Every kind of thing that can be found in a dataset: what it means, and what is done about it.

A kind that is refused makes the dataset unusable as it is; with --keep-going what it costs is left out. All
others are told and counted, and change nothing but what `done` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cost = Literal["image", "box", "nothing"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of finding: a title for people, what is done, and what each one costs: an image, a box or nothing."""

    title: str
    done: str
    cost: Cost = "nothing"
    refused: bool = False


def _refused(title: str, *, cost: Cost) -> Kind:
    return Kind(title, "an error; left out with --keep-going", cost, refused=True)


KINDS: dict[str, Kind] = {
    # Files
    "annotation_unreadable": _refused("annotation file that cannot be read", cost="image"),
    "annotation_empty_file": Kind("annotation file of no bytes", "ignored"),
    "annotation_file_ignored": Kind("file among the annotations that is none", "ignored"),
    "annotation_repeated": _refused("second annotation of one image", cost="nothing"),
    "image_missing": _refused("annotation without its image", cost="image"),
    "image_unannotated": Kind("image without an annotation", "left out"),
    "image_unreadable": _refused("image that cannot be opened", cost="image"),
    "image_truncated": _refused("image that is cut short or broken", cost="image"),
    "image_bomb": _refused("image of more pixels than can be decoded safely", cost="image"),
    "image_extension_lies": Kind("image whose name says another format", "read as what it is"),
    "image_name_differs": Kind("image named otherwise than its annotation says", "found by the annotation's own name"),
    "image_unusable": _refused("image or annotation that cannot be used", cost="image"),
    "image_unsafe_path": _refused("file name that leads out of the dataset", cost="image"),
    "image_empty": Kind("image without boxes", "kept: it teaches what is background"),
    "image_name_repeated": Kind("image name that another folder has too", "renamed in tf_csv, none is lost"),
    "image_listed_twice": Kind("image that is listed more than once", "taken as one, with the boxes of all"),
    "image_stem_repeated": Kind("images that differ only in their suffix", "kept apart by their whole names"),
    # Sizes and frames
    "size_differs": Kind("declared size that is not the real one", "boxes taken in real pixels, into which they fit"),
    "size_rescaled": Kind("boxes drawn on the declared, larger size", "scaled to the real size"),
    "size_ambiguous": _refused("declared size of another scale, boxes fit both", cost="image"),
    "size_contradicts": _refused("declared size that is not the real one, into which boxes do not fit", cost="image"),
    "exif_turned": Kind("EXIF rotation, boxes drawn on the turned photo", "pixels are turned in the records"),
    "exif_ignored": Kind("EXIF rotation, boxes drawn on the stored photo", "pixels stay as they are stored"),
    # Boxes
    "object_unreadable": _refused("object that cannot be read", cost="box"),
    "object_skipped": Kind("figure that has no area (point, line)", "skipped"),
    "object_joined": Kind("part of an object in several pieces", "one box around all its parts"),
    "object_rotated": Kind("box that is turned", "the upright box around it"),
    "object_crowd": Kind("crowd or run-length region", "kept out of training"),
    "object_difficult": Kind("object marked difficult", "kept as any other"),
    "box_inverted": _refused("box whose edges are swapped", cost="box"),
    "box_no_area": _refused("box of no width or no height", cost="box"),
    "box_subpixel": _refused("box of less than a pixel", cost="box"),
    "box_outside": _refused("box outside its image", cost="box"),
    "box_clipped": Kind("box that sticks out by at most a pixel", "clipped"),
    "box_duplicate": Kind("box that its image has already", "used once", "box"),
    "box_whole_image": Kind("box of the whole image", "kept"),
    # Labels
    "label_unknown": _refused("label that the dataset does not list", cost="box"),
    "label_similar": Kind("labels that may be one, misspelt", "kept apart: rename one of them"),
    "label_rare": Kind("class of fewer than 10 boxes", "kept; hardly learnt"),
    "label_unused": Kind("class without a box", "left out of the label map"),
    "label_repeated": Kind("class listed twice", "taken as one"),
    "label_map_broken": Kind("label map that cannot be used", "ignored: classes are numbered from 1, sorted"),
    # Splits
    "split_contradicts": Kind("image that is listed in two splits", "not trained on"),
    "split_repeated": Kind("same image in train and in test", "kept; scores will look better than they are"),
    "split_similar": Kind("nearly the same image in train and in test", "kept; scores may look better than they are"),
    "split_unknown_image": Kind("image that a split lists and that is not there", "ignored"),
}
