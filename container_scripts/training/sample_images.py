"""Pictures of test images for TensorBoard: truth in green, detections in orange with class and score.

summary = image_summary(samples, class_names)       samples: evaluation.Sample
writer.add_summary(summary, step)
"""

import io

import screen  # noqa: F401  (puts the project's root on the path)
import tensorflow as tf
from PIL import Image, ImageDraw

from pipeline.detections.detections_file import to_pixels

TRUTH_COLOUR = (40, 200, 80)
FOUND_COLOUR = (255, 140, 0)
LEAST_SCORE = 0.3
MOST_FOUND = 20
LONGEST_SIDE = 640


def image_summary(samples, class_names):
    """Give the tf.Summary with one picture a sample, tagged `test_images/0`, `test_images/1`, ..."""
    summary = tf.compat.v1.Summary()
    for number, sample in enumerate(samples):
        picture = draw(sample.image, sample.truth.boxes, sample.detections, class_names)
        summary.value.add(
            tag="test_images/{}".format(number),
            image=tf.compat.v1.Summary.Image(
                height=picture.height, width=picture.width, colorspace=3, encoded_image_string=encode(picture)
            ),
        )
    return summary


def draw(image, truth, detections, class_names):
    """Draw boxes into a copy of an image, which is made smaller if it is large.

    image: RGB uint8 [height, width, 3]; truth: boxes (xmin, ymin, xmax, ymax) in its pixels; detections: of
    pipeline.detections, best first.
    """
    picture = Image.fromarray(image)
    scale = min(1.0, LONGEST_SIDE / float(max(picture.size)))
    if scale < 1.0:
        picture = picture.resize([max(int(round(side * scale)), 1) for side in picture.size], Image.BILINEAR)
    pen = ImageDraw.Draw(picture)
    for box in truth:
        pen.rectangle(_order([float(edge) * scale for edge in box]), outline=TRUTH_COLOUR, width=2)
    for found in [one for one in detections if one.score >= LEAST_SCORE][:MOST_FOUND]:
        edges = _order(to_pixels(found, picture.width, picture.height))
        pen.rectangle(edges, outline=FOUND_COLOUR, width=2)
        # The font that Pillow brings along knows Latin letters only
        name = class_names[found.class_id - 1] if found.class_id <= len(class_names) else str(found.class_id)
        label = "{} {:.0f}%".format(name, 100 * found.score).encode("latin-1", "replace").decode("latin-1")
        pen.text((edges[0] + 3, max(edges[1] - 11, 0)), label, fill=FOUND_COLOUR)
    return picture


def _order(box):
    xmin, ymin, xmax, ymax = box
    return [min(xmin, xmax), min(ymin, ymax), max(xmin, xmax), max(ymin, ymax)]


def encode(picture):
    """Encode a picture as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
