"""Set any field of a config by its path, as people write it on a command line.

    set_field(config, "train_config.gradient_clipping_by_norm=5")
    set_field(config, "model.ssd.box_predictor.convolutional_box_predictor.use_dropout=true")
    set_field(config, "model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios=[1, 2, 0.5]")
    set_field(config, "train_config.data_augmentation_options[1]={random_adjust_hue {max_delta: 0.1}}")
    set_field(config, "graph_rewriter=none")

A list takes the place of the whole list, [n] names one of its entries, and the entry after the last one is added. What
is in braces is protobuf's text format. A path that is wrong, or a value of the wrong kind, is refused with what was
wanted.
"""

import difflib
import math
import re

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from screen import fail

_PART = re.compile(r"([A-Za-z_]\w*)(?:\[(\d+)\])?(?:\.|$)")
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number",
    FieldDescriptor.CPPTYPE_INT64: "a whole number",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number from 0",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number from 0",
}
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# Whoever asks for these has a setting that the rest of the pipeline goes by, too.
OWNED = {
    "train_config.num_steps": "STEPS=",
    "train_config.fine_tune_checkpoint": "PRETRAINED=",
}


class _Refused(Exception):
    def __init__(self, message, hint=None):
        Exception.__init__(self, message)
        self.hint = hint


def set_field(config, assignment):
    """Carry out "a.b.c=value" on a message, in place; fails naming the path, what was found and what was wanted."""
    path, equals, value = assignment.partition("=")
    path, value = path.strip(), value.strip()
    try:
        if not equals or not path:
            raise _Refused("assigns nothing", "SET=train_config.gradient_clipping_by_norm=5")
        if path in OWNED:
            raise _Refused("{} has a setting of its own".format(path), OWNED[path])
        if not value:
            raise _Refused("{} gets no value".format(path), 'an empty text is written as ""')
        message, field, index = _find(config, _parse_path(path))
        _assign(message, field, index, value, path)
    except _Refused as refused:
        fail("SET {}: {}".format(assignment, refused), hint=refused.hint, exit_code=2)


def guess(name, known):
    """Give "did you mean 'x'?" for the nearest of the known names, else the list of them."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return "did you mean {!r}?".format(near[0]) if near else "known: " + ", ".join(sorted(known))


def _parse_path(path):
    parts, position = [], 0
    while position < len(path):
        match = _PART.match(path, position)
        if match is None:
            raise _Refused("{!r} is no path of fields".format(path), "a.b.c=value, with [0] for an entry of a list")
        parts.append((match.group(1), None if match.group(2) is None else int(match.group(2))))
        position = match.end()
    return parts


def _find(message, parts):
    """Walk to the message that holds the last part; give it, the field and the index (None for all of it)."""
    walked = []
    for number, (name, index) in enumerate(parts):
        where = ".".join(walked) or "the config"
        field = message.DESCRIPTOR.fields_by_name.get(name)
        if field is None:
            raise _Refused("{} has no field {!r}".format(where, name), _guess_path(message.DESCRIPTOR, walked, name))
        walked.append(name if index is None else "{}[{}]".format(name, index))
        repeated = field.label == FieldDescriptor.LABEL_REPEATED
        if index is not None and not repeated:
            raise _Refused("{} is no list".format(".".join(walked[:-1] + [name])), "leave [{}] out".format(index))
        if number == len(parts) - 1:
            return message, field, index
        if field.message_type is None:
            raise _Refused("{} is {}, and has no fields".format(".".join(walked), _wanted(field)))
        _check_oneof(message, field, ".".join(walked))
        message = _entry(message, field, index, ".".join(walked)) if repeated else getattr(message, name)
    raise AssertionError("a path has parts")


def _guess_path(descriptor, walked, name):
    near = difflib.get_close_matches(name, list(descriptor.fields_by_name), n=1)
    if not near:
        below = _search(descriptor, name)
        if below:
            return "did you mean {}?".format(".".join(walked + below))
    return guess(name, descriptor.fields_by_name)


def _search(descriptor, name):
    """Give the shortest path to a field of that name below a message, [] where there is none."""
    ways, seen = [([], descriptor)], set()
    while ways:
        way, here = ways.pop(0)
        if name in here.fields_by_name and way:
            return way + [name]
        if here.full_name not in seen:
            seen.add(here.full_name)
            ways += [(way + [field.name], field.message_type) for field in here.fields if field.message_type]
    return []


def _check_oneof(message, field, where):
    """Refuse to walk into what would throw away its counterpart: model.faster_rcnn.x of an SSD."""
    oneof = field.containing_oneof
    chosen = message.WhichOneof(oneof.name) if oneof is not None else None
    if chosen is not None and chosen != field.name:
        raise _Refused(
            "{} would take the place of {}, which the config has".format(where, chosen),
            "change {0} instead, or replace it whole first: {1}={{}}".format(chosen, where),
        )


def _entry(message, field, index, where):
    entries = getattr(message, field.name)
    if index is None:
        raise _Refused("{} is a list of {}".format(where, len(entries)), "name the entry: {}[0]".format(where))
    if index > len(entries):
        raise _Refused("{}: the list has {}; the next one is [{}]".format(where, len(entries), len(entries)))
    return entries.add() if index == len(entries) else entries[index]


def _assign(message, field, index, value, path):
    repeated = field.label == FieldDescriptor.LABEL_REPEATED
    if value == "none" and index is None and (repeated or field.message_type is not None):
        message.ClearField(field.name)
    elif field.message_type is not None:
        _assign_message(message, field, index, value, path)
    elif repeated and index is None:
        items = value[1:-1] if value.startswith("[") and value.endswith("]") else value
        values = [_parse(field, item.strip()) for item in items.split(",") if item.strip()]
        del getattr(message, field.name)[:]
        getattr(message, field.name).extend(values)
    elif repeated:
        entries = getattr(message, field.name)
        if index > len(entries):
            raise _Refused("{}: the list has {}; the next one is [{}]".format(path, len(entries), len(entries)))
        entries[index : index + 1] = [_parse(field, value)]
    else:
        setattr(message, field.name, _parse(field, value))


def _assign_message(message, field, index, value, path):
    if not (value.startswith("{") and value.endswith("}")):
        fields = ", ".join(sorted(field.message_type.fields_by_name))
        raise _Refused(
            "wanted a {} in braces, or a path to one of its fields, found {!r}".format(field.message_type.name, value),
            "its fields: {}".format(fields) if fields else "{}={{}}".format(path),
        )
    if field.label == FieldDescriptor.LABEL_REPEATED:
        target = _entry(message, field, index, path)
    else:
        target = getattr(message, field.name)
    target.Clear()
    try:
        text_format.Parse(value[1:-1], target)
    except text_format.ParseError as error:
        raise _Refused(str(error))
    target.SetInParent()


def _parse(field, value):
    """Turn a text into a value of a field's type."""
    kind = field.cpp_type
    try:
        if kind in _INTEGERS:
            return _whole(value)
        if kind in _FLOATS:
            number = float(value)
            if not math.isfinite(number):
                raise ValueError
            return number
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return _TRUTH[value.lower()]
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            names = {name.lower(): number.number for name, number in field.enum_type.values_by_name.items()}
            return names[value.lower()]
    except (ValueError, KeyError):
        hint = guess(value.upper(), field.enum_type.values_by_name) if field.enum_type is not None else None
        raise _Refused("wanted {}, found {!r}".format(_wanted(field), value), hint)
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _whole(value):
    number = float(value) if re.search(r"[.eE]", value) else int(value)
    if number != int(number) or not -(2**31) <= number < 2**32:
        raise ValueError(value)
    return int(number)


def _wanted(field):
    """Say in words what a field takes."""
    if field.enum_type is not None:
        return "one of " + ", ".join(field.enum_type.values_by_name)
    if field.cpp_type in _INTEGERS:
        return _INTEGERS[field.cpp_type]
    if field.cpp_type in _FLOATS:
        return "a number"
    return "true or false" if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL else "a text"
