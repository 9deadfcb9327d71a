"""Bring the weights to begin a training with into the cache, and check them.

    python -m pipeline.jobs.pretrained --model ssd_mobilenet_v2 --weights-dir input/pretrained/NAME
    python -m pipeline.jobs.pretrained --pretrained my/model.ckpt --weights-dir input/pretrained/mine

ODPIPE_ZOO_MIRROR is where the zoo's archives are, if not at download.tensorflow.org; HTTP_PROXY, HTTPS_PROXY and
NO_PROXY are respected. The one job with a network.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.jobs import run
from pipeline.models import read_preset
from pipeline.pretrained.download import Patience
from pipeline.pretrained.source import find_source
from pipeline.pretrained.weights import bring_weights


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, and bring the weights."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.pretrained", description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="the preset whose published weights are meant by zoo")
    parser.add_argument("--pretrained", default="zoo", help="zoo (default), a path or a URL")
    parser.add_argument("--weights-dir", type=Path, required=True, help="folder of the cache to fill")
    parser.add_argument("--timeout", type=float, help="longest silence of a server, in seconds (default: 60)")
    flags = parser.parse_args(arguments)
    zoo_url = read_preset(flags.model).zoo_url if flags.model else None
    source = find_source(flags.pretrained, model=flags.model or "that model", zoo_url=zoo_url)
    if source is None:
        raise ConfigError("--pretrained none brings nothing", hint="zoo, a path or a URL")
    bring_weights(source, flags.weights_dir, patience=Patience(read_s=flags.timeout) if flags.timeout else None)


if __name__ == "__main__":
    run(main)
