"""`make tensorboard` shows the run that the report shows: losses, mAP, test images with their boxes."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.odapi

WAIT_S = 90


def ask(address: str) -> Any:
    """Ask TensorBoard, which may not have read the run yet."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        try:
            with urlopen(address, timeout=5) as answer:
                found = json.load(answer)
            if found:
                return found
        except (URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.5)
    raise AssertionError(f"{address} gave nothing in {WAIT_S} s")


def test_losses_map_and_images_of_the_run_are_shown(tiny_root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pipeline", "tensorboard", "--backend", "local", "--port", str(port)]
    with subprocess.Popen(command, cwd=tiny_root, stderr=subprocess.PIPE, text=True) as running:
        try:
            address = f"http://127.0.0.1:{port}/data/plugin"
            scalars = ask(f"{address}/scalars/tags")["tiny/train"]
            assert {"loss", "localization_loss", "classification_loss", "learning_rate", "map", "map_50"} <= set(
                scalars
            )
            images = ask(f"{address}/images/tags")["tiny/train"]
            assert "test_images/0" in images
            events = ask(f"{address}/scalars/scalars?run=tiny/train&tag=map")
            (best,) = (step for _, step, _ in events[-1:])
            metrics = (tiny_root / "output/tiny/train/metrics.jsonl").read_text().splitlines()
            measured = [line for line in map(json.loads, metrics) if "map" in line]
            assert measured[-1]["step"] == best
            assert measured[-1]["map"] == pytest.approx(events[-1][2], abs=1e-5)
        finally:
            running.send_signal(signal.SIGTERM)
            assert f"tensorboard: http://127.0.0.1:{port}/" in running.communicate(timeout=30)[1]
