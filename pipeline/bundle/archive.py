"""The zip of a bundle: the same files give the same bytes, whenever and wherever it is written.

    cats.zip
        cats/MODEL_CARD.md  cats/detect.py  cats/hashes.sha256
        cats/tflite/detect.tflite  cats/tensorflow_js/model.json  ...

hashes.sha256 is what `sha256sum -c hashes.sha256` reads; it has every file but itself.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.receipts import hash_file, list_files

HASHES = "hashes.sha256"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip knows."""
FILE_MODE = 0o644
UNIX = 3
LEFT_OUT = ("frozen/tflite_graph.pb",)
"""What only converters read; what they made of it is there."""


def collect(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Return {name in the bundle: file} of some folders that may not be there, sorted; hidden files stay out."""
    found = {
        f"{name}/{relative}": Path(path)
        for name, folder in folders.items()
        for relative, path in list_files(str(folder)).items()
    }
    return {name: found[name] for name in sorted(found) if name not in LEFT_OUT}


def hash_files(files: Mapping[str, Path]) -> dict[str, str]:
    """Return {name: SHA-256}."""
    return {name: hash_file(str(path)) for name, path in files.items()}


def format_hashes(hashes: Mapping[str, str]) -> str:
    """Return the text of hashes.sha256."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes.items()))


def write_zip(path: Path, name: str, files: Mapping[str, Path]) -> Iterator[int]:
    """Write the files below a folder of that name; yield how many are in, so that people can be told."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, (inside, file) in enumerate(sorted(files.items()), 1):
            entry = zipfile.ZipInfo(f"{name}/{inside}", LONG_AGO)
            entry.create_system, entry.external_attr = UNIX, FILE_MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            yield number
