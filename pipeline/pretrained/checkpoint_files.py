"""Which files are a TensorFlow checkpoint, and are they all there?

    model.ckpt.index  model.ckpt.data-00000-of-00001      a checkpoint; its prefix is `model.ckpt`
    inception_v2.ckpt                                     one of before 2016, in a single file

The zoo's archives have one in their only folder, `model.ckpt` or `model.ckpt-400000`; the MobileDets' have two, below
fp32/ and uint8/, of which the first is the one to train from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_DATA = re.compile(r"(?P<prefix>.+)\.data-(?P<shard>\d{5})-of-(?P<shards>\d{5})")
_STEP = re.compile(r"-(\d+)$")
_HEADER_BYTES = 64

COMPANIONS = ("pipeline.config", "label_map.pbtxt")
"""Files beside a checkpoint that tell what it was trained as."""


def is_needed(name: str) -> bool:
    """Whether a file of an archive may be part of a checkpoint, or tells of one."""
    base = name.rsplit("/", 1)[-1]
    return base in COMPANIONS or base.endswith((".index", ".ckpt")) or _DATA.fullmatch(base) is not None


def find_prefixes(names: Iterable[str]) -> list[str]:
    """Return the prefixes of all checkpoints, whole or not, among names of files; the one to train from first."""
    prefixes = set()
    for name in names:
        data = _DATA.fullmatch(name)
        if data:
            prefixes.add(data["prefix"])
        elif name.endswith(".index"):
            prefixes.add(name.removesuffix(".index"))
        elif name.endswith(".ckpt"):
            prefixes.add(name)
    return sorted(prefixes, key=_rank)


def _rank(prefix: str) -> tuple[bool, bool, int, int, str]:
    """Order prefixes: not the quantized one of two, `model.ckpt` itself, then the least deep and the latest."""
    path = PurePosixPath(prefix)
    step = _STEP.search(path.name)
    quantized = any(part in ("uint8", "int8", "quant") for part in path.parts[:-1])
    return (quantized, path.name != "model.ckpt", len(path.parts), -int(step[1]) if step else 0, prefix)


def list_files(prefix: str, names: Iterable[str], shards: int | None) -> tuple[list[str], list[str]]:
    """Return the files of a checkpoint: those that are there, and those that are missing.

    `shards` is how many its index wants (`read_shard_count`), None where there is no index to ask.
    """
    names = set(names)
    if prefix in names and f"{prefix}.index" not in names:
        return [prefix], []
    data = [match for name in sorted(names) if (match := _DATA.fullmatch(name)) and match["prefix"] == prefix]
    count = shards or next((int(match["shards"]) for match in data), 1)
    wanted = [f"{prefix}.index", *(f"{prefix}.data-{shard:05d}-of-{count:05d}" for shard in range(count))]
    return [name for name in wanted if name in names], [name for name in wanted if name not in names]


def read_shard_count(index: Path) -> int | None:
    """Return in how many data files a checkpoint lies, as its index says; None when that is no index.

    An index is a table of sorted keys (LevelDB's form, uncompressed) whose first key is empty and has a
    BundleHeaderProto (tensorflow/core/protobuf/tensor_bundle.proto), of which the first field is num_shards.
    """
    with index.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    # Shared and own bytes of the key, bytes of the value, then the value: field 1 as a varint
    if len(start) < 6 or start[:2] != b"\0\0" or start[3] != 8:
        return None
    count = shift = 0
    for byte in start[4:]:
        count |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return count if 0 < count < 100_000 else None
    return None


def describe_missing(prefix: str, missing: list[str]) -> str:
    """Say of half a checkpoint what is missing."""
    return f"half a checkpoint: {prefix} lacks {', '.join(name.rsplit('/', 1)[-1] for name in missing[:3])}"
