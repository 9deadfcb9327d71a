"""The short names of the ways to vary training images, and what each is to the Object Detection API.

    make train AUGMENT=flip,crop,color

They are applied in the order given. Read on both sides of a container's wall: Python 3.6 and standard library only.
"""

import difflib
from collections import OrderedDict
from typing import Any, Dict, List, NamedTuple, Sequence

# In a value: a number that only the model's input size gives (see container_scripts/configs/augmentation.py)
MODEL_SIDE = "side of the model's input"
MODEL_PIXELS = "pixels of the model's input"
QUARTER_OF_MODEL_PIXELS = "a quarter of the pixels of the model's input"


class Augmentation(NamedTuple):
    """A step of the API's PreprocessingStep, its fields where the defaults do not do, and a line for people."""

    step: str
    fields: Dict[str, Any]
    about: str


AUGMENTATIONS = OrderedDict(
    (name, Augmentation(step, fields, about))
    for name, step, fields, about in (
        ("flip", "random_horizontal_flip", {}, "mirror left and right, every second image"),
        ("vflip", "random_vertical_flip", {}, "mirror top and bottom: for pictures from above"),
        ("rotate90", "random_rotation90", {}, "turn by a quarter, every second image: for pictures from above"),
        ("crop", "ssd_random_crop", {}, "cut out a part, down to a tenth of the area, that holds objects: SSD's own"),
        (
            "crop_mild",
            "random_crop_image",
            {
                "min_object_covered": 0.0,
                "min_aspect_ratio": 0.75,
                "max_aspect_ratio": 3.0,
                "min_area": 0.75,
                "max_area": 1.0,
                "overlap_thresh": 0.0,
            },
            "cut off up to a quarter of the area",
        ),
        ("crop_square", "random_square_crop_by_scale", {}, "cut out a square of 0.6 to 1.3 times the longer side"),
        ("crop_pad", "ssd_random_crop_pad", {}, "crop, then pad: objects become larger and smaller"),
        ("pad", "random_pad_image", {}, "put the image on a canvas up to twice as large: smaller objects"),
        (
            "scale",
            "random_scale_crop_and_pad_to_square",
            {"output_size": MODEL_SIDE, "scale_min": 0.5, "scale_max": 2.0},
            "zoom by 0.5 to 2; only for models with a square input",
        ),
        (
            "repeat",
            "random_self_concat_image",
            {"concat_vertical_probability": 0.2, "concat_horizontal_probability": 0.2},
            "put the image beside or below itself: smaller objects, and more of them",
        ),
        (
            "jitter",
            "random_jitter_boxes",
            {"ratio": 0.05},
            "move the edges of boxes by up to 5 %: for boxes drawn roughly",
        ),
        ("color", "random_distort_color", {}, "brightness, contrast, hue and saturation, all at once"),
        ("brightness", "random_adjust_brightness", {}, "lighter and darker by up to a fifth"),
        ("contrast", "random_adjust_contrast", {}, "contrast of 0.8 to 1.25"),
        ("hue", "random_adjust_hue", {}, "other tints, slightly"),
        ("saturation", "random_adjust_saturation", {}, "paler and stronger colours, 0.8 to 1.25"),
        ("gray", "random_rgb_to_gray", {"probability": 0.1}, "every tenth image without colours"),
        ("cutout", "random_black_patches", {}, "up to ten black squares: objects that are partly hidden"),
        ("noise", "random_pixel_value_scale", {}, "noise in every pixel, up to a tenth of its value"),
        (
            "noise_patch",
            "random_patch_gaussian",
            {"random_coef": 0.5, "min_patch_size": 20, "max_patch_size": 250, "max_gaussian_stddev": 0.5},
            "strong noise in a square, every second image",
        ),
        (
            "jpeg",
            "random_jpeg_quality",
            {"random_coef": 0.5, "min_jpeg_quality": 30, "max_jpeg_quality": 95},
            "the marks of strong compression, every second image",
        ),
        (
            "blur",
            "random_downscale_to_target_pixels",
            {"random_coef": 0.5, "min_target_pixels": QUARTER_OF_MODEL_PIXELS, "max_target_pixels": MODEL_PIXELS},
            "down to half the model's resolution, every second image: cheap and distant cameras",
        ),
        (
            "autoaugment",
            "autoaugment_image",
            {"policy_name": "v0"},
            "the policy that was learned on COCO; slow on a CPU",
        ),
    )
)


def check_names(names: Sequence[str]) -> List[str]:
    """Return the names as they are; raise ValueError for one that is unknown, with a guess, or there twice."""
    for number, name in enumerate(names):
        if name == "none":
            raise ValueError("'none' stands alone: it varies nothing")
        if name in names[:number]:
            raise ValueError("{!r} is there twice".format(name))
        if name not in AUGMENTATIONS:
            near = difflib.get_close_matches(name, list(AUGMENTATIONS), n=1, cutoff=0.6)
            guess = "; did you mean {!r}?".format(near[0]) if near else ""
            raise ValueError(
                "unknown augmentation {!r}{} known: {}".format(name, guess or ";", ", ".join(AUGMENTATIONS))
            )
    return list(names)
