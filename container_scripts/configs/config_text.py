"""Read protobuf's text format as people write it: a mistake is named with its line, and what was meant is guessed.

pipeline.config, line 12: Ssd has no field 'anchor_generater'
hint: did you mean 'anchor_generator'?
"""

import re

from google.protobuf import descriptor_pool, text_format
from screen import fail

from configs import config_fields

_PLACE = re.compile(r"^\d+:\d+ : (?:'.*': )?", re.DOTALL)
_NO_FIELD = re.compile(r'Message type "(?P<type>[\w.]+)" (?:has no|should not have) field named "(?P<name>\w+)"')
_NO_VALUE = re.compile(r'Enum type "(?P<type>[\w.]+)" has no value named (?P<name>\w+)')


def read_text(path, message):
    """Parse a file of protobuf's text format into a message; fails with the line and a guess."""
    try:
        with open(path, encoding="utf-8") as file:
            text_format.Parse(file.read(), message)
    except OSError as error:
        fail("{}: {}".format(path, error.strerror), exit_code=2)
    except UnicodeDecodeError as error:
        fail("{}: not a pipeline.config: {}".format(path, error), exit_code=2)
    except text_format.ParseError as error:
        what, hint = explain(str(error))
        line = error.GetLine()
        fail("{}{}: {}".format(path, ", line {}".format(line) if line else "", what), hint=hint, exit_code=2)


def explain(text):
    """Turn what protobuf says of a text into (what is wrong, a hint or None)."""
    pool = descriptor_pool.Default()
    found = _NO_FIELD.search(text)
    if found:
        known = pool.FindMessageTypeByName(found.group("type")).fields_by_name
        name = found.group("name")
        return "{} has no field {!r}".format(_short(found), name), config_fields.guess(name, known)
    found = _NO_VALUE.search(text)
    if found:
        known = pool.FindEnumTypeByName(found.group("type")).values_by_name
        name = found.group("name")
        return "{} has no value {!r}".format(_short(found), name), config_fields.guess(name, known)
    # "12:3 : 'num_classes: x': Couldn't parse integer: x": the line is said by the caller
    return "not a pipeline.config: {}".format(_PLACE.sub("", text).rstrip(".")), None


def _short(found):
    return found.group("type").rsplit(".", 1)[-1]
