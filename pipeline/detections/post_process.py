"""Read and change the options of a detector's post-processing, in the bytes of its .tflite; nothing is converted again.

    model = Path("detect.tflite").read_bytes()
    read_options(model)        # PostProcess(max_detections=20, regular_nms=True, ...)
    for_scores = with_options(model, max_detections=100)
    Interpreter(model_content=with_options(model, regular_nms=False))

A shipped file gives few boxes, because each costs time on the device; mAP wants 100. What fast non-maximum suppression
costs is measured in the same file, too. The kernel (tensorflow/lite/kernels/detection_postprocess.cc) makes its
outputs as large as the options say, whatever shapes the file gives.

The options are a FlexBuffer, a map of names to numbers (https://flatbuffers.dev/flexbuffers), within the file's
flatbuffer. A number is written over where it lies; only options that have no room for it are built anew.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flatbuffers import flexbuffers  # type: ignore[import-untyped]

from pipeline.errors import DataError
from pipeline.preflight.flatbuffer import MalformedError, Table, read_root
from pipeline.preflight.operators import POST_PROCESS

IDENTIFIER = b"TFL3"
CODES, GRAPHS, OPERATORS, CODE, CUSTOM_CODE, OPTIONS = 1, 2, 3, 0, 1, 5  # numbers of fields in TFLite's schema
MAP, INT, UINT, FLOAT, BOOL = 9, 1, 2, 3, 26  # FlexBuffer types
KINDS = {INT: {1: "b", 2: "h", 4: "i", 8: "q"}, FLOAT: {4: "f", 8: "d"}}
KINDS[UINT] = KINDS[BOOL] = {width: kind.upper() for width, kind in KINDS[INT].items()}
HINT = "wanted an SSD detector as this project, TOCO or a TensorFlow 2 export writes it"


@dataclass(frozen=True, slots=True)
class PostProcess:
    """The options of TFLite_Detection_PostProcess. Boxes are coded by the four scales, `num_classes` has no background.

    `regular_nms` false is "fast": one suppression over all classes, of each anchor's best `max_classes_per_detection`.
    """

    max_detections: int
    regular_nms: bool
    score_threshold: float
    iou_threshold: float
    num_classes: int
    detections_per_class: int
    max_classes_per_detection: int


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where a number of the options lies in the file, and how it is written (a letter of the struct module)."""

    position: int
    kind: str
    type: int


def read_options(model: bytes) -> PostProcess:
    """Read the options of a detector's post-processing; raises DataError, naming what was found, where it has none."""
    slots = _read_slots(model, *_find_options(model)[1:])
    values = {name: struct.unpack_from("<" + slot.kind, model, slot.position)[0] for name, slot in slots.items()}
    missing = sorted({"max_detections", "nms_score_threshold", "nms_iou_threshold", "num_classes"} - set(values))
    if missing:
        raise DataError(f"the options of {POST_PROCESS} lack {', '.join(missing)}; found {', '.join(values)}")
    return PostProcess(
        max_detections=int(values["max_detections"]),
        regular_nms=bool(values.get("use_regular_nms", False)),
        score_threshold=float(values["nms_score_threshold"]),
        iou_threshold=float(values["nms_iou_threshold"]),
        num_classes=int(values["num_classes"]),
        # Init() of the kernel
        detections_per_class=int(values.get("detections_per_class", 100)),
        max_classes_per_detection=int(values.get("max_classes_per_detection", 1)),
    )


def with_options(model: bytes, *, max_detections: int | None = None, regular_nms: bool | None = None) -> bytes:
    """Return the same detector with other options; what is not given stays.

    Raises DataError for a file without post-processing, ValueError for fewer than one detection.
    """
    if max_detections is not None and max_detections < 1:
        raise ValueError(f"max_detections is {max_detections}; wanted at least 1")
    wanted: dict[str, int] = {}
    if max_detections is not None:
        wanted["max_detections"] = max_detections
    if regular_nms is not None:
        wanted["use_regular_nms"] = int(regular_nms)
    field, start, length = _find_options(model)
    slots = _read_slots(model, start, length)
    changed = bytearray(model)
    for name, value in wanted.items():
        slot = slots.get(name)
        if slot is None or not _has_room(slot, value):
            return _with_new_options(model, field, slots, wanted)
        struct.pack_into("<" + slot.kind, changed, slot.position, value)
    return bytes(changed)


def _find_options(model: bytes) -> tuple[int, int, int]:
    """Find the options: the field that leads to them, their first byte, their length."""
    try:
        root = read_root(model, identifier=IDENTIFIER)
        customs = [code.text(CUSTOM_CODE) for code in root.tables(CODES)]
        graphs = root.tables(GRAPHS)
        operators = graphs[0].tables(OPERATORS) if graphs else []
        found = [one for one in operators if _custom(one, customs) == POST_PROCESS]
        if len(found) == 1:
            return found[0].place(OPTIONS)
    except MalformedError as error:
        raise DataError(f"this is not a TFLite model with post-processing: {error}", hint=HINT) from error
    others = sorted({_custom(one, customs) for one in operators} - {"", POST_PROCESS})
    raise DataError(
        f"this TFLite model has {len(found)} operators {POST_PROCESS}, not one: it has {len(operators)} operators, "
        f"of custom ones {', '.join(others) or 'no other'}",
        hint=HINT,
    )


def _custom(operator: Table, customs: list[str]) -> str:
    code = operator.scalar(CODE, "I")
    return customs[code] if code < len(customs) else ""


def _read_slots(model: bytes, start: int, length: int) -> dict[str, _Slot]:
    """Find every number of a FlexBuffer map; what is no number is left out."""
    end = start + length
    try:
        kind, width = model[end - 2], model[end - 1]
        values, width = _follow(model, end - 2 - width, width, within=start), 1 << (kind & 3)
        if length < 6 or kind >> 2 != MAP:
            raise MalformedError(f"they are of FlexBuffer type {kind >> 2}, not a map ({MAP})")
        count = _unsigned(model, values - width, width)
        keys_width = _unsigned(model, values - 2 * width, width)
        keys = _follow(model, values - 3 * width, width, within=start)
        types = values + count * width
        if types + count > end:
            raise MalformedError(f"they hold {count} values in {length} bytes")
        slots = {}
        for number in range(count):
            key = _follow(model, keys + number * keys_width, keys_width, within=start)
            name = model[key : model.index(b"\0", key, end)].decode("utf-8", "replace")
            type_ = model[types + number] >> 2
            letter = KINDS.get(type_, {}).get(width)
            if letter is not None:
                slots[name] = _Slot(values + number * width, letter, type_)
    except (MalformedError, struct.error, IndexError, KeyError, ValueError) as error:
        raise DataError(f"the options of {POST_PROCESS} cannot be read: {error}", hint=HINT) from error
    return slots


def _unsigned(model: bytes, position: int, width: int) -> int:
    return int(struct.unpack_from("<" + KINDS[UINT][width], model, position)[0])


def _follow(model: bytes, position: int, width: int, *, within: int) -> int:
    """Return where a FlexBuffer's offset leads: always back, and never out of it."""
    place = position - _unsigned(model, position, width)
    if place < within:
        raise MalformedError(f"the offset at byte {position} leads out of them")
    return place


def _has_room(slot: _Slot, value: int) -> bool:
    if slot.type == FLOAT:
        return False
    try:
        struct.pack("<" + slot.kind, value)
    except struct.error:
        return False
    return True


def _with_new_options(model: bytes, field: int, slots: dict[str, _Slot], wanted: dict[str, int]) -> bytes:
    """Append options that have room, and lead the operator to them; the old ones stay where nothing leads."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for name in sorted({*slots, *wanted}):
            slot = slots.get(name)
            value = wanted.get(name) if slot is None or name in wanted else None
            if value is None and slot is not None:
                value = struct.unpack_from("<" + slot.kind, model, slot.position)[0]
            if name == "use_regular_nms" or (slot is not None and slot.type == BOOL):
                builder.Bool(name, bool(value))
            elif slot is not None and slot.type == FLOAT and name not in wanted:
                builder.Float(name, value)
            else:
                builder.Int(name, value)
    options = bytes(builder.Finish())
    changed = bytearray(model)
    # The length is a 32-bit number before the content, and the content's own numbers want to lie on theirs
    changed += bytes(-(len(changed) + 4) % 8)
    struct.pack_into("<I", changed, field, len(changed) - field)
    changed += struct.pack("<I", len(options)) + options
    return bytes(changed)
