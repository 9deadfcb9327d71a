"""Small random changes to TFRecords, whose checksums stay right."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.example import decode_example
from pipeline.tfrecord.framing import read_frames, to_frame

BYTES = (
    b"",
    b"cat",
    b"\xff\xfe",
    b"../a.jpg",
    b"/etc/passwd",
    b"a\0b.jpg",
    b"a\nb.jpg",
    b"..",
    b"x" * 300,
    b"jpeg",
    b"png",
    b"\0" * 40,
)
FLOATS = (0.0, 1.0, -1.0, 0.5, 1.0000001, 2.0, 1e30, -1e30, float("nan"), float("inf"), 1e-30)
INTS = (0, 1, -1, 2, 40, 2**31, 2**62, -(2**62))


def mutate_record(content: bytes, chance: random.Random) -> bytes:
    """Change one feature of one record, or a byte of its message, or its place among the others."""
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        file.write(content)
        file.flush()
        frames = [bytes(frame) for frame in read_frames(Path(file.name))]
    if not frames:
        return content
    at = chance.randrange(len(frames))
    match chance.randrange(6):
        case 0:
            data = bytearray(frames[at])
            if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            frames[at] = bytes(data)
        case 1:
            frames[at] = frames[at][: chance.randrange(len(frames[at]) + 1)]
        case 2:
            frames.insert(at, frames[at])
        case _:
            frames[at] = mutate_example(frames[at], chance)
    return b"".join(b"".join(to_frame(frame)) for frame in frames)


def mutate_example(data: bytes, chance: random.Random) -> bytes:
    """Change, empty, repeat, remove or retype one feature of a tf.Example."""
    features: dict[str, list[Any]] = {key: list(values) for key, values in decode_example(data).items()}
    if not features:
        return data
    key = chance.choice(sorted(features))
    values = features[key]
    match chance.randrange(6):
        case 0:
            del features[key]
        case 1:
            features[key] = []
        case 2:
            features[key] = values * 2
        case 3:
            features[key] = list(features[chance.choice(sorted(features))])
        case 4:
            features[key] = [chance.choice(chance.choice((BYTES, FLOATS, INTS)))]  # type: ignore[arg-type]
        case _:
            choices: tuple[Any, ...] = BYTES
            if values and not isinstance(values[0], bytes):
                choices = FLOATS if isinstance(values[0], float) else INTS
            if values:
                values[chance.randrange(len(values))] = chance.choice(choices)
    kinds: dict[type, dict[str, list[Any]]] = {bytes: {}, float: {}, int: {}}
    for name, items in features.items():
        kinds[type(items[0]) if items else bytes][name] = items
    return encode_example(byte_lists=kinds[bytes], float_lists=kinds[float], int_lists=kinds[int])
