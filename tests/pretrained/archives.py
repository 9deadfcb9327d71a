"""Archives in the zoo's layout, with files that look like a checkpoint from outside."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.pretrained.source import Source, find_source

NAME = "ssd_tiny_coco_2018_01_28"
INDEX = b"\0\0\x06\x08\x01\x1a\x02\x08\x01" + bytes(100)
"""How the index of a real checkpoint with one data file begins."""
DATA = random.Random(0).randbytes(300_000)
DATA_NAME = "data-00000-of-00001"
CHECKPOINT = {
    f"{NAME}/model.ckpt.index": INDEX,
    f"{NAME}/model.ckpt.{DATA_NAME}": DATA,
    f"{NAME}/model.ckpt.meta": b"graph",
    f"{NAME}/checkpoint": b'model_checkpoint_path: "model.ckpt"\n',
    f"{NAME}/frozen_inference_graph.pb": b"frozen",
    f"{NAME}/saved_model/saved_model.pb": b"saved",
    f"{NAME}/pipeline.config": b"model { ssd { num_classes: 90 } }\n",
}
FOLDER = {
    "model.ckpt.index": INDEX,
    f"model.ckpt.{DATA_NAME}": DATA,
    "pipeline.config": CHECKPOINT[f"{NAME}/pipeline.config"],
}


def pack(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    """Pack files into a tar.gz as the zoo has them, folders first."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        folder = tarfile.TarInfo(NAME)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return packed.getvalue()


ARCHIVE = pack(CHECKPOINT)


def zoo_source(url: str) -> Source:
    """Return the source of a model whose archive lies below `url` instead of at the zoo."""
    source = find_source("zoo", model="ssd_tiny", zoo_url=f"{url}/{NAME}.tar.gz")
    assert source is not None
    return source


def path_source(path: Path | str) -> Source:
    source = find_source(str(path), model="ssd_tiny", zoo_url=None)
    assert source is not None
    return source


def contents(folder: Path) -> dict[str, bytes]:
    """Return {file: bytes} of a folder of weights, without what tells of its source."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "source.json"}
