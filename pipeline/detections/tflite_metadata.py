"""Read from a .tflite what its input wants: the TensorFlow Lite Metadata that this project packs into it.

    read_input(Path("detect.tflite").read_bytes())
    InputDescription(scale=(0.00784, 0.00784, 0.00784), offset=(-1.0, -1.0, -1.0), resize="stretch")

The numbers of fields are those of metadata_schema.fbs (tensorflow/tflite-support) and of TFLite's own schema.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.preflight.flatbuffer import MalformedError, Table, read_root

MODEL, METADATA = b"TFL3", b"M001"
BUFFERS, LIST, NAME, BUFFER, DATA = 4, 6, 0, 1, 0
GRAPHS, INPUTS, CUSTOM = 3, 2, 9
PROCESS_UNITS, KIND, OPTIONS, MEAN, DEVIATION = 4, 0, 1, 0, 1
NORMALIZATION = 1
RESIZE = "odpipe.resize"  # the schema has no word for a letterbox


@dataclass(frozen=True, slots=True)
class InputDescription:
    """What becomes of an image: normalized = pixel * scale + offset, a channel each, pixels being 0 to 255.

    `resize` is "stretch", or "letterbox": the sides keep their ratio, the rest on the right and below is 0 when it is
    normalized. The defaults are those of nearly all of the Object Detection API's SSDs.
    """

    scale: tuple[float, float, float] = (2 / 255,) * 3
    offset: tuple[float, float, float] = (-1.0,) * 3
    resize: str = "stretch"


def read_input(model: bytes) -> InputDescription:
    """Read how a model's input is made of an image; the default where the file does not say."""
    try:
        description = _find_description(model)
        graphs = description.tables(GRAPHS) if description else []
        inputs = graphs[0].tables(INPUTS) if graphs else []
        if not inputs:
            return InputDescription()
        resize = next((one.content(1) for one in graphs[0].tables(CUSTOM) if one.text(0) == RESIZE), b"stretch")
        scale, offset = _read_normalization(inputs[0])
        return InputDescription(scale, offset, bytes(resize).decode("ascii", "replace"))
    except MalformedError:
        return InputDescription()


def _find_description(model: bytes) -> Table | None:
    root = read_root(model, identifier=MODEL)
    for entry in root.tables(LIST):
        if entry.text(NAME) == "TFLITE_METADATA":
            content = root.tables(BUFFERS)[entry.scalar(BUFFER, "I")].content(DATA)
            return read_root(bytes(content), identifier=METADATA)
    return None


def _read_normalization(image: Table) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Turn (pixel - mean) / deviation, one number for all channels or three, into scale and offset."""
    for unit in image.tables(PROCESS_UNITS):
        options = unit.table(OPTIONS)
        if unit.scalar(KIND, "B") == NORMALIZATION and options is not None:
            means, deviations = options.numbers(MEAN, "f"), options.numbers(DEVIATION, "f")
            if len(means) == len(deviations) and len(means) in (1, 3) and all(deviations):
                pairs = list(zip(means, deviations, strict=True)) * (3 // len(means))
                red, green, blue = ((1 / deviation, -mean / deviation) for mean, deviation in pairs)
                return (red[0], green[0], blue[0]), (red[1], green[1], blue[1])
    return InputDescription().scale, InputDescription().offset
