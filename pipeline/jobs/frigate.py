"""Make the folder that Frigate uses as it is: output/NAME/frigate/.

python -m pipeline.jobs.frigate --name cats --tflite-dir output/cats/tflite --frigate-dir output/cats/frigate

detect.tflite            the model, which takes pixels as uint8
detect_edgetpu.tflite    the same for a Coral, where it was compiled (--edgetpu-dir)
labelmap.txt             its classes, numbered from 0
config.cpu.yml           what to paste into Frigate's config.yml
config.coral.yml         the same for a Coral; not of a model that its compiler does not take (preflight.json says so)
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.frigate.fit import check_fit
from pipeline.frigate.settings import format_labels, format_settings
from pipeline.jobs import run
from pipeline.preflight.tflite_file import read_model
from pipeline.receipts import read_json
from pipeline.report.screen import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, check that Frigate reads the model right, write the folder."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.frigate", description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="the model's folder in Frigate's configuration folder")
    parser.add_argument("--tflite-dir", type=Path, required=True)
    parser.add_argument("--edgetpu-dir", type=Path, help="where detect_edgetpu.tflite may be")
    parser.add_argument("--frigate-dir", type=Path, required=True)
    flags = parser.parse_args(arguments)
    write_frigate(flags.name, flags.tflite_dir, flags.frigate_dir, edgetpu_dir=flags.edgetpu_dir)


def write_frigate(name: str, tflite_dir: Path, frigate_dir: Path, *, edgetpu_dir: Path | None = None) -> None:
    """Write Frigate's folder; raises DataError, and writes nothing, for a model that Frigate would misread."""
    model = tflite_dir / "detect.tflite"
    size = check_fit(read_model(model), name=str(model))
    path = tflite_dir / "labels.txt"
    try:
        labels = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}", hint="make export NAME=...") from error
    texts = {
        "labelmap.txt": format_labels(labels),
        "config.cpu.yml": format_settings(name=name, labels=labels, size=size, coral=False),
    }
    refused = find_refusal(edgetpu_dir) if edgetpu_dir else None
    if refused is None:
        texts["config.coral.yml"] = format_settings(name=name, labels=labels, size=size, coral=True)
    frigate_dir.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (frigate_dir / file).write_text(text, encoding="utf-8")
    shutil.copyfile(model, frigate_dir / model.name)
    compiled = edgetpu_dir / "detect_edgetpu.tflite" if edgetpu_dir else None
    if compiled and compiled.is_file():
        shutil.copyfile(compiled, frigate_dir / compiled.name)
    paste = "config.cpu.yml or config.coral.yml" if refused is None else f"config.cpu.yml; not for a Coral: {refused}"
    say(f"frigate  {size.width}x{size.height} pixels, {len(labels)} classes; paste {paste}")


def find_refusal(edgetpu_dir: Path) -> str | None:
    """Say why nothing of a model runs on a Coral, as its preflight.json has it; None when something does."""
    found = read_json(str(edgetpu_dir / "preflight.json"))
    if found is None or found["on_tpu"]:
        return None
    first = next((one for one in found["refusals"] if one["compiler_ends_with"]), found["refusals"][0])
    why: str = first["why"]
    return why


if __name__ == "__main__":
    run(main)
