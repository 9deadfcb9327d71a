"""What the Object Detection API builds around the network of an SSD, with its own functions: loops before and after it.

    images, shapes = preprocess(image_tensor, size, is_padded)               Preprocessor/...
    postprocess(encodings, logits, corners, shapes, size, iou_threshold)      Postprocessor/..., the named outputs

TensorFlow 1.15, the packages of the odapi image.
"""

import tensorflow as tf
from object_detection.box_coders import faster_rcnn_box_coder
from object_detection.core import box_list, post_processing, preprocessor

SCALES = (10.0, 10.0, 5.0, 5.0)
BOXES = 100
OUTPUTS = (
    "detection_boxes", "detection_scores", "detection_classes", "num_detections", "raw_detection_boxes",
    "raw_detection_scores",
)  # fmt: skip


def preprocess(image, size, is_padded):
    """Normalize, then resize image by image, as the SSD meta architecture does; return (images, their true shapes).

    To the whole input, or, padded, so that the shorter side is three quarters of it: which only this graph can do.
    """
    with tf.name_scope("Preprocessor"):
        normalized = tf.cast(image, tf.float32) * (2 / 255.0) - 1.0

        def resize(one):
            if is_padded:
                sides = {"min_dimension": size * 3 // 4, "max_dimension": size}
                return tuple(preprocessor.resize_to_range(one, pad_to_max_dimension=True, **sides))
            return tf.compat.v1.image.resize_images(one, [size, size]), tf.stack([size, size, 3])

        images, shapes = tf.map_fn(resize, normalized, dtype=(tf.float32, tf.int32))
    images.set_shape([None, size, size, 3])
    return images, shapes


def postprocess(encodings, logits, corners, shapes, size, iou_threshold):
    """Decode boxes at anchors [n, (ymin, xmin, ymax, xmax)], suppress, and name the outputs as an export does.

    `shapes` are the true ones of the images, `size` is the side of the input.
    """
    coder = faster_rcnn_box_coder.FasterRcnnBoxCoder(scale_factors=SCALES)
    with tf.name_scope("Postprocessor"):
        codes = tf.identity(encodings, name="raw_box_encodings")
        scores = tf.sigmoid(logits, name="convert_scores")
        tiled = tf.tile(tf.expand_dims(tf.constant(corners), 0), [tf.shape(codes)[0], 1, 1])
        anchors = box_list.BoxList(tf.reshape(tiled, [-1, 4]))
        decoded = coder.decode(tf.reshape(codes, [-1, 4]), anchors).get()
        boxes = tf.reshape(decoded, [-1, len(corners), 1, 4])
        raw = tf.squeeze(boxes, 2)
        height, width, _ = tf.unstack(tf.cast(shapes, tf.float32), axis=1)
        window = tf.stack([tf.zeros_like(height), tf.zeros_like(width), height / size, width / size], axis=1)
        best, best_scores, classes, _, _, count = post_processing.batch_multiclass_non_max_suppression(
            boxes, scores[:, :, 1:], 1e-8, iou_threshold, BOXES, BOXES, clip_window=window, change_coordinate_frame=True
        )
    found = (best, best_scores, classes + 1, tf.cast(count, tf.float32), raw, scores)
    for name, tensor in zip(OUTPUTS, found):  # noqa: B905 - Python 3.6 has no strict=
        tf.identity(tensor, name=name)


def write_saved_model(folder, session):
    """Write the graph of a session as exporters do: image in, boxes out."""
    graph = session.graph
    outputs = {name: graph.get_tensor_by_name(name + ":0") for name in OUTPUTS}
    inputs = {"inputs": graph.get_tensor_by_name("image_tensor:0")}
    tf.compat.v1.saved_model.simple_save(session, folder, inputs, outputs)
