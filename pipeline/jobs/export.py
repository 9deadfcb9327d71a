"""List every exported file with its size and SHA-256: proof that the export is whole.

    python -m pipeline.jobs.export --folder output/cats/frozen --folder output/cats/tflite --manifest export.json

export.json is {"files": {"tflite/detect.tflite": {"size_bytes": 4725336, "sha256": "..."}, ...}}
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.jobs import run
from pipeline.receipts import hash_file, list_files, write_json
from pipeline.report.screen import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags and write the manifest."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.export", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, action="append", help="may be given repeatedly")
    parser.add_argument("--manifest", type=Path, required=True)
    flags = parser.parse_args(arguments)
    files = {}
    for folder in flags.folder:
        for relative, path in sorted(list_files(str(folder)).items()):
            files[f"{folder.name}/{relative}"] = {"size_bytes": Path(path).stat().st_size, "sha256": hash_file(path)}
    write_json(str(flags.manifest), {"files": files})
    say(f"export  {len(files)} files in {', '.join(str(folder) for folder in flags.folder)}")


if __name__ == "__main__":
    run(main)
