"""Tell a .tflite what its numbers mean: the TensorFlow Lite Metadata that Android's and MediaPipe's detectors want.

    content = pack(content, model, "cat\ndog\n")

The description is a flatbuffer of its own, in a buffer of the model called TFLITE_METADATA: how pixels are normalized,
that boxes are [ymin, xmin, ymax, xmax] as shares of the image, which output is which. The labels are a file in a zip
that follows the model (`unzip detect.tflite`); loaders of the model do not look behind it.
Source: tensorflow/tflite-support, metadata/metadata_schema.fbs, whose field numbers stand here.
"""

import io
import zipfile

from tflite_build.flatbuffers_file import I32, U8, U32, Floats, Numbers, Old, read_root, write_model, write_table

LABELS = "labelmap.txt"
RGB, BOUNDARIES, TENSOR_VALUE_LABELS = 1, 1, 3  # values of enums
FEATURE, IMAGE, BOUNDING_BOX = 1, 2, 3  # ContentProperties
NORMALIZATION = 1  # ProcessUnitOptions
PARSER_VERSION = "1.0.0"
RESIZE = "odpipe.resize"  # the schema has no word for a letterbox; pipeline/detections/tflite_metadata.py reads it

SUMMARY = (
    "Finds objects in an image. Input: {width}x{height} pixels, RGB, {how}. Outputs: boxes, classes, scores, count."
)
RESIZED = {
    "stretch": "the image stretched to it",
    "letterbox": "the image made to fit with its own ratio of sides, at the top left, the rest grey (the mean)",
}


def pack(content, model, labels_text):
    """Return the model with its description and labels.

    `model` is what frozen/model.json says, and "input_type"; `labels_text` is that of labels.txt.
    """
    description = write_table(describe(model), identifier=b"M001")
    return _append_zip(_with_buffer(content, "TFLITE_METADATA", description), LABELS, labels_text)


def describe(model):
    """Return ModelMetadata as a table."""
    summary = SUMMARY.format(width=model["input_width"], height=model["input_height"], how=RESIZED[model["resize"]])
    labels = {0: LABELS, 1: "A name a line, in the order of the class numbers.", 2: U8(TENSOR_VALUE_LABELS)}
    # Of [1, n, 4] the last dimension is a box, of [1, n] the numbers are one apiece
    one_each = {0: U8(FEATURE), 1: {}, 2: {0: I32(2), 1: I32(2)}}
    # Left, top, right and bottom are at these places of [ymin, xmin, ymax, xmax]
    boxes = {0: U8(BOUNDING_BOX), 1: {0: Numbers([1, 0, 3, 2]), 1: U8(BOUNDARIES)}, 2: {0: I32(2), 1: I32(2)}}
    outputs = [
        {0: "location", 1: "The boxes: ymin, xmin, ymax, xmax as shares of the input.", 3: boxes, 5: {}},
        {0: "category", 1: "The class of each box, from 0.", 3: one_each, 5: {}, 6: [labels]},
        {0: "score", 1: "The score of each box, the best first.", 3: one_each, 5: {}},
        {0: "number of detections", 1: "How many boxes there are.", 3: {0: U8(FEATURE), 1: {}}, 5: {}},
    ]
    together = {0: "detection_result", 1: ["location", "category", "score"]}
    graph = {2: [_describe_input(model)], 3: outputs, 8: [together]}
    if model["resize"] != "stretch":
        graph[9] = [{0: RESIZE, 1: model["resize"].encode("ascii")}]
    return {0: model.get("name", "detector"), 1: summary, 3: [graph], 7: PARSER_VERSION}


def _describe_input(model):
    """Return the TensorMetadata of the image."""
    scale, offset = (model["preprocessing"][name] for name in ("scale", "offset"))
    pairs = list(zip(scale, offset))  # noqa: B905
    if len(set(pairs)) == 1:
        pairs = pairs[:1]  # one number for all channels
    mean, deviation = [-low / one for one, low in pairs], [1 / one for one, _ in pairs]
    is_uint8 = model["input_type"] == "uint8"
    highest = [255.0] if is_uint8 else [255 * one + low for one, low in pairs]
    lowest = [0.0] if is_uint8 else [low for _, low in pairs]
    return {
        0: "image",
        1: "The image, RGB, {} pixels wide and {} high.".format(model["input_width"], model["input_height"]),
        3: {0: U8(IMAGE), 1: {0: U8(RGB)}},
        4: [{0: U8(NORMALIZATION), 1: {0: Floats(mean), 1: Floats(deviation)}}],
        5: {0: Floats(highest), 1: Floats(lowest)},
    }


def _with_buffer(content, name, buffer):
    """Return a .tflite with one more buffer, named in its list of metadata."""
    root = read_root(content)
    buffers = [Old(position) for position in root.entries(4)] + [{0: buffer}]
    metadata = [Old(position) for position in root.entries(6)] + [{0: name, 1: U32(len(buffers) - 1)}]
    return write_model(content, {4: buffers, 6: metadata})


def _append_zip(content, name, text):
    """Append a zip of one file; always the same bytes."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), text.encode("utf-8"))
    return file.getvalue()
