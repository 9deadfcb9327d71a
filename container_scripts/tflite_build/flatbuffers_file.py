"""Read and write flatbuffers with the standard library: the toco environment has no library of theirs.

    write_table({0: "a name", 1: U32(3), 2: [{0: F32(0.5)}]}, identifier=b"M001")

A table is a dict from the number of a field in its schema to a value: U8, U32, I32, F32, a str, bytes (a vector), a
dict (a table), Floats, Numbers, or a list of tables or texts. Offsets only lead forward, so that whatever is written
can stand before an older file and lead into it: `Old(position)` is something at a byte of that file.
Source of the layout: https://flatbuffers.dev/internals
"""

import collections
import struct

U8 = collections.namedtuple("U8", "value")
U32 = collections.namedtuple("U32", "value")
I32 = collections.namedtuple("I32", "value")
F32 = collections.namedtuple("F32", "value")
Floats = collections.namedtuple("Floats", "values")
Numbers = collections.namedtuple("Numbers", "values")
Old = collections.namedtuple("Old", "position")

SCALARS = {U8: "<B", U32: "<I", I32: "<i", F32: "<f"}
ALIGNMENT = 16  # of a tensor's content in a .tflite


class Table:
    """A table of a flatbuffer that this project's converter has just written; nothing is checked."""

    def __init__(self, data, position):
        self._data = data
        self._position = position

    def field(self, number):
        """Return where a field lies; None when it is left out."""
        vtable = self._position - self.number_at(self._position, "i")
        slot = 4 + 2 * number
        offset = self.number_at(vtable + slot, "H") if slot < self.number_at(vtable, "H") else 0
        return self._position + offset if offset else None

    def scalar(self, number, kind, default=0):
        """Return a number; `kind` is a letter of the struct module."""
        position = self.field(number)
        return default if position is None else self.number_at(position, kind)

    def follow(self, number):
        """Return where the vector, text or table of a field begins; None when it is left out."""
        position = self.field(number)
        return None if position is None else position + self.number_at(position, "I")

    def table(self, number):
        """Return the table of a field; None when it is left out."""
        position = self.follow(number)
        return None if position is None else Table(self._data, position)

    def text(self, number):
        """Return a text; empty when it is left out."""
        start = self.follow(number)
        if start is None:
            return ""
        return bytes(self._data[start + 4 : start + 4 + self.number_at(start, "I")]).decode("utf-8")

    def entries(self, number):
        """Return where each table of a field's vector begins."""
        start = self.follow(number)
        if start is None:
            return []
        places = [start + 4 + 4 * place for place in range(self.number_at(start, "I"))]
        return [place + self.number_at(place, "I") for place in places]

    def tables(self, number):
        """Return the tables of a field's vector."""
        return [Table(self._data, position) for position in self.entries(number)]

    def integers(self, number):
        """Return a vector of int32."""
        start = self.follow(number)
        return (
            []
            if start is None
            else list(struct.unpack_from("<{}i".format(self.number_at(start, "I")), self._data, start + 4))
        )

    def number_at(self, position, kind):
        """Return the number at a byte of the file."""
        return struct.unpack_from("<" + kind, self._data, position)[0]


def read_root(data):
    """Return the root table."""
    return Table(data, struct.unpack_from("<I", data)[0])


def write_table(table, identifier=b"", old=b""):
    """Write a flatbuffer whose root is `table`, and after it an older file that it may lead into."""
    data = bytearray(4) + identifier
    leads = []
    struct.pack_into("<I", data, 0, _write_table(data, table, leads))
    data += bytes(-len(data) % ALIGNMENT)
    for place, position in leads:
        struct.pack_into("<I", data, place, len(data) + position - place)
    return bytes(data) + old


def write_model(content, fields):
    """Return a .tflite with some fields of its root written anew, {number: value}; the rest of it stays as it is.

    A new root before the file leads to all else that the old one led to.
    """
    root = read_root(content)
    model = {0: U32(root.scalar(0, "I"))}
    for number in range(1, 8):  # operator codes, graphs, description, buffers, metadata, and what newer converters add
        position = root.follow(number)
        if position is not None:
            model[number] = Old(position)
    return write_table({**model, **fields}, identifier=content[4:8], old=content)


def _write_table(data, table, leads):
    """Append a table and all it leads to; return where it begins."""
    offsets, size = {}, 4
    # Wide fields first: no gap is left between them
    for number in sorted(table, key=lambda number: (isinstance(table[number], U8), number)):
        offsets[number] = size
        size += 1 if isinstance(table[number], U8) else 4
    entries = [offsets.get(number, 0) for number in range(max(table, default=-1) + 1)]
    vtable_size = 4 + 2 * len(entries)
    data += bytes(-(len(data) + vtable_size) % 4)
    data += struct.pack("<HH{}H".format(len(entries)), vtable_size, size, *entries)
    start = len(data)
    data += struct.pack("<i", vtable_size) + bytes(size - 4)
    for number in sorted(table):
        value, place = table[number], start + offsets[number]
        if type(value) in SCALARS:
            struct.pack_into(SCALARS[type(value)], data, place, value.value)
        else:
            _lead(data, place, value, leads)
    return start


def _lead(data, place, value, leads):
    """Write what an offset leads to, and the offset."""
    if isinstance(value, Old):
        leads.append((place, value.position))
        return
    target = _write_table(data, value, leads) if isinstance(value, dict) else _write_vector(data, value, leads)
    struct.pack_into("<I", data, place, target - place)


def _write_vector(data, value, leads):
    """Append a vector; return where it begins, which is at its length."""
    if isinstance(value, bytes):
        data += bytes(-(len(data) + 4) % ALIGNMENT)
    data += bytes(-len(data) % 4)
    start = len(data)
    if isinstance(value, str):
        text = value.encode("utf-8")
        data += struct.pack("<I", len(text)) + text + b"\0"
    elif isinstance(value, bytes):
        data += struct.pack("<I", len(value)) + value
    elif isinstance(value, (Floats, Numbers)):
        kind = "f" if isinstance(value, Floats) else "I"
        data += struct.pack("<I{}{}".format(len(value.values), kind), len(value.values), *value.values)
    else:
        data += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for number, one in enumerate(value):
            _lead(data, start + 4 + 4 * number, one, leads)
    return start
