"""Pack what a person needs of a model into one file, with a card that says what it is: output/NAME/bundle/.

    python -m pipeline.jobs.bundle --name cats --preset ssd_mobilenet_v2_quantized --train-dir output/cats/train \\
        --folder output/cats/frozen --folder output/cats/tflite --folder output/cats/tensorflow_js \\
        --metrics-file output/cats/evaluation/metrics.json --check-file output/cats/check.json \\
        --records-dir input/tf_records/cats --tf-csv-dir input/tf_csv/cats --bundle-dir output/cats/bundle

NAME.zip         NAME/{MODEL_CARD.md,detect.py,hashes.sha256,frozen/,tflite/,tensorflow_js/,edgetpu/,frigate/}
MODEL_CARD.md    the card again, to be read without unpacking

The same files make the same bytes: no date is in it, and nothing of this machine but what the times were measured on.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.bundle.archive import HASHES, collect, format_hashes, hash_files, write_zip
from pipeline.bundle.card import render_card
from pipeline.bundle.data_facts import read_data_facts
from pipeline.bundle.model_facts import ModelFacts
from pipeline.bundle.versions import find_versions
from pipeline.config import read_yaml
from pipeline.errors import StageError
from pipeline.jobs import run
from pipeline.machine import describe_machine, format_machine
from pipeline.models import read_preset
from pipeline.receipts import hash_file, read_json
from pipeline.report.screen import Progress, say
from pipeline.workspace import find_root

CARD = "MODEL_CARD.md"
DETECT = "detect.py"
SHIPPED = "container_scripts/bundle/detect.py"
LOCKS = "dockerfiles/requirements"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write the zip and the card."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.bundle", description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="the run, and the folder in the zip")
    parser.add_argument("--preset", required=True, help="the preset that was trained")
    parser.add_argument("--pretrained", help="the weights that training began with, as people know them")
    parser.add_argument("--train-dir", type=Path, required=True, help="settings.yaml is in it")
    parser.add_argument("--folder", type=Path, required=True, action="append", help="may be given repeatedly")
    parser.add_argument("--metrics-file", type=Path, required=True)
    parser.add_argument("--check-file", type=Path, required=True)
    parser.add_argument("--records-dir", type=Path, required=True)
    parser.add_argument("--tf-csv-dir", type=Path, required=True)
    parser.add_argument("--bundle-dir", type=Path, required=True)
    flags = parser.parse_args(arguments)
    files = collect({folder.name: folder for folder in flags.folder})
    if "frozen/model.json" not in files:
        raise StageError(f"there is no model.json in {flags.folder}", hint=f"make export NAME={flags.name}")
    if can_be_detected_with(files):
        files[DETECT] = find_root() / SHIPPED
    hashes = hash_files(files)
    card = render_card(gather_facts(flags, files, hashes))
    write_bundle(flags.bundle_dir, flags.name, files, hashes=hashes, card=card)


def can_be_detected_with(files: dict[str, Path]) -> bool:
    """Whether detect.py runs the model: it stretches images to their uint8 input, as nearly all models want it."""
    model = read_json(str(files["tflite/model.json"])) if "tflite/model.json" in files else None
    return model is not None and model.get("resize", "stretch") == "stretch" and has_uint8_input(model)


def has_uint8_input(model: dict[str, Any]) -> bool:
    """Whether detect.tflite takes pixels as they are; a model.json of before "input_type" says it by "quantized"."""
    return str(model.get("input_type", "uint8" if model.get("quantized") else "float32")) == "uint8"


def gather_facts(flags: argparse.Namespace, files: dict[str, Path], hashes: dict[str, str]) -> ModelFacts:
    """Read all that the card says."""
    model: dict[str, Any] = read_json(str(files["frozen/model.json"])) or {}
    stored = flags.train_dir / "settings.yaml"
    settings = read_yaml(stored) if stored.is_file() else {}
    metrics = read_json(str(flags.metrics_file)) or []
    dataset = settings.get("dataset")
    return ModelFacts(
        name=flags.name,
        preset=flags.preset,
        summary="" if settings.get("config") else " ".join(read_preset(flags.preset).summary.split()),
        model=model,
        data=read_data_facts(
            Path(dataset or flags.name).name,
            check=flags.check_file,
            records=flags.records_dir / "records.json",
            tables=flags.tf_csv_dir,
            dataset=find_root() / dataset if dataset else None,
            class_names=model.get("classes", []),
        ),
        settings=settings,
        pretrained=flags.pretrained,
        metrics=metrics,
        versions=find_versions(metrics, find_root() / LOCKS),
        machine=format_machine(describe_machine()),
        hashes=hashes,
        sizes={name: path.stat().st_size for name, path in files.items()},
    )


def write_bundle(folder: Path, name: str, files: dict[str, Path], *, hashes: dict[str, str], card: str) -> None:
    """Write NAME.zip and MODEL_CARD.md into a folder that is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).write_text(card, encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / HASHES
        whole = {**files, CARD: folder / CARD}
        listed.write_text(format_hashes({**hashes, CARD: hash_file(str(folder / CARD))}), encoding="utf-8")
        whole[HASHES] = listed
        with Progress("bundle", total=len(whole), unit="file") as progress:
            for number in write_zip(folder / f"{name}.zip", name, whole):
                progress.update(number)
    size = (folder / f"{name}.zip").stat().st_size
    say(f"bundle  {name}.zip: {len(whole)} files, {size / 1e6:.1f} MB; MODEL_CARD.md says what it is")


if __name__ == "__main__":
    run(main)
