"""The small modules of detect_tfjs.mjs: records, images, the screen."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
from PIL import Image

from pipeline.report.screen import format_duration
from tests.tfjs.conftest import SCRIPTS, run_module

pytestmark = pytest.mark.tfjs


def frame(data: bytes) -> bytes:
    """Frame a record as TensorFlow's record_writer.h does."""

    def masked(content: bytes) -> bytes:
        crc = int.from_bytes(google_crc32c.Checksum(content).digest(), "big")
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


READ = """
try {
  for (const data of tfrecord.readRecords(args[0])) console.log(data.toString("latin1"));
} catch (error) { if (!(error instanceof tfrecord.RecordError)) throw error; console.log(error.message); }
"""


@pytest.mark.parametrize(
    "damage, wanted",
    [
        (lambda good: good, "first\nsecond"),
        (
            lambda good: good[:-3],
            "first\nPATH: record 2 is cut off: it needs 22 bytes from byte 21 on, the file has 19",
        ),
        (lambda good: good[:25], "first\nPATH: record 2 is cut off: it needs 12 bytes from byte 21 on, the file has 4"),
        (lambda good: b"\xff\xd8" + good, "PATH: not a TFRecord file (the first length does not fit its checksum)"),
        (
            lambda good: good.replace(b"second", b"sekond"),
            "first\nPATH: record 2 is damaged (its checksum does not fit its data)",
        ),
        (
            lambda good: good[:21] + b"\1" + good[22:],
            "first\nPATH: record 2 is damaged (its length does not fit its checksum)",
        ),
        (lambda good: b"", ""),
    ],
    ids=["good", "cut in the data", "cut in the header", "no TFRecord", "data damaged", "length damaged", "empty"],
)
def test_records_are_read_and_damage_is_named(
    node: Path, tmp_path: Path, damage: Callable[[bytes], bytes], wanted: str
) -> None:
    path = tmp_path / "test.record-00000-of-00001"
    path.write_bytes(damage(frame(b"first") + frame(b"second")))
    done = run_module(node, READ, path)
    assert (done.stdout, done.stderr) == ((wanted + "\n" if wanted else "").replace("PATH", str(path)), "")


@pytest.mark.parametrize(
    "names, wanted",
    [
        (
            ["test.record-00001-of-00002", "test.record-00000-of-00002", "train.record-00000-of-00001"],
            "test.record-00000-of-00002 test.record-00001-of-00002\n",
        ),
        (
            ["test.record-00001-of-00002"],
            "DIR: 1 shards of test.record are there, but test.record-00001-of-00002 says there are 2\n",
        ),
        (["train.record-00000-of-00001"], "DIR: no test.record-* in it\n"),
    ],
)
def test_shards_are_found_in_order_and_a_missing_one_is_named(
    node: Path, tmp_path: Path, names: list[str], wanted: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    code = """
    try { console.log(tfrecord.findShards(args[0], "test").map((file) => file.split("/").at(-1)).join(" ")); }
    catch (error) { console.log(error.message); }
    """
    assert run_module(node, code, tmp_path).stdout == wanted.replace("DIR", str(tmp_path))


def decode(node: Path, folder: Path, **images: bytes) -> dict[str, np.ndarray]:
    """Decode images with decode_image.mjs."""
    for name, content in images.items():
        (folder / name).write_bytes(content)
    code = """
    import { readFileSync, writeFileSync } from "node:fs";
    for (const name of args) {
      const { width, height, pixels } = await decode_image.decodeImage(readFileSync(name));
      writeFileSync(name + ".rgb", pixels);
      console.log(JSON.stringify([height, width, 3]));
    }
    """
    done = run_module(node, code, *(folder / name for name in images))
    assert done.returncode == 0, done.stderr
    shapes = map(json.loads, done.stdout.splitlines())
    return {
        name: np.fromfile(folder / (name + ".rgb"), np.uint8).reshape(shape)
        for name, shape in zip(images, shapes, strict=True)
    }


def picture(width: int, height: int) -> Image.Image:
    """Smooth colours with noise: all frequencies that an image has."""
    y, x = np.mgrid[0:height, 0:width]
    colours = np.stack([x * 255 / width, y * 255 / height, 127 + 100 * np.sin((x + y) / 9)], axis=-1)
    noise = np.random.default_rng(0).normal(0, 12, colours.shape)
    return Image.fromarray(np.clip(colours + noise, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_pixels_are_those_of_pillow(node: Path, tmp_path: Path) -> None:
    image = picture(157, 98)
    rotated = Image.Exif()
    rotated[0x0112] = 6  # a viewer turns it by 90 degrees; a detector, trained by TensorFlow, must not
    images = {
        f"quality{quality}_subsampling{subsampling}": encoded(image, "JPEG", quality=quality, subsampling=subsampling)
        for quality in (30, 75, 95)
        for subsampling in (0, 1, 2)
    }
    images["progressive"] = encoded(image, "JPEG", progressive=True)
    images["grey"] = encoded(image.convert("L"), "JPEG")
    images["exif"] = encoded(image, "JPEG", exif=rotated)
    images["one_pixel"] = encoded(picture(1, 1), "JPEG")
    images["png"] = encoded(image, "PNG")
    images["grey_png"] = encoded(image.convert("L"), "PNG")
    images["alpha_png"] = encoded(image.convert("RGBA"), "PNG")
    found = decode(node, tmp_path, **images)
    for name, content in images.items():
        wanted = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        assert found[name].shape == wanted.shape, name
        assert np.abs(found[name] - wanted).max() <= (0 if name.endswith("png") else 1), name


@pytest.mark.parametrize(
    "content, wanted",
    [
        (b"GIF89a", "neither JPEG nor PNG (it starts with 47494638)"),
        (b"\xff\xd8\xff\xe0", "cannot be decoded as JPEG"),
        (b"\x89PNG\r\n\x1a\n", "cannot be decoded as PNG"),
        (b"", "neither JPEG nor PNG (it starts with )"),
    ],
)
def test_an_image_that_cannot_be_decoded_is_an_error(node: Path, tmp_path: Path, content: bytes, wanted: str) -> None:
    (tmp_path / "image").write_bytes(content)
    code = """
    import { readFileSync } from "node:fs";
    const decoded = decode_image.decodeImage(readFileSync(args[0]));
    await decoded.then(() => console.log("decoded"), (error) => console.log(error.message));
    """
    assert run_module(node, code, tmp_path / "image").stdout.startswith(wanted)


def test_the_screen_shows_durations_as_the_python_one_does(node: Path) -> None:
    seconds = [0, 0.4, 42, 59.6, 60, 304, 3599, 3600, 7620, 100000]
    code = "for (const value of args) console.log(screen.formatDuration(Number(value)));"
    done = run_module(node, code, *map(str, seconds))
    assert done.stdout.split() == [format_duration(value) for value in seconds]


def test_what_people_see_goes_to_the_screen_and_to_the_log(node: Path) -> None:
    code = f"""
    import {{ Progress, fail, say }} from {json.dumps((SCRIPTS / "node/screen.mjs").as_uri())};
    say("hello");
    const progress = new Progress("evaluate", 2);
    progress.update(2);
    progress.end();
    fail("a.record: cut off", {{ hint: "make records", exitCode: 3 }});
    """
    reading, writing = os.pipe()
    done = subprocess.run(
        [node, "--input-type=module", "-e", code],
        pass_fds=[writing],
        capture_output=True,
        text=True,
        env={**os.environ, "ODPIPE_SCREEN_FD": str(writing)},
    )
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as screen:
        shown = screen.read().splitlines()
    assert done.returncode == 3
    assert [shown[0], *shown[2:]] == ["hello", "error: a.record: cut off", "hint: make records"]
    assert shown[1].startswith("evaluate  image 2/2  ")
    assert done.stderr == "hello\nerror: a.record: cut off\nhint: make records\n"


def test_numpy_reads_what_is_written_for_it(node: Path, tmp_path: Path) -> None:
    code = """
const data = Float32Array.from({ length: 24 }, (_, index) => index / 4 - 1);
npz_file.writeNpz(args[0], {
  t3: { shape: [2, 3, 4], data },
  one: { shape: [5], data: data.subarray(2, 7) },
  scalar: { shape: [], data: data.subarray(1, 2) },
  none: { shape: [0, 4], data: new Float32Array(0) },
});
"""
    done = run_module(node, code, tmp_path / "made.npz")
    assert done.returncode == 0, done.stderr
    wanted = np.arange(24, dtype=np.float32) / 4 - 1
    with np.load(tmp_path / "made.npz") as found:
        assert set(found.files) == {"t3", "one", "scalar", "none"}
        assert found["t3"].dtype == np.float32
        np.testing.assert_array_equal(found["t3"], wanted.reshape(2, 3, 4))
        np.testing.assert_array_equal(found["one"], wanted[2:7])
        assert found["scalar"].shape == () and found["scalar"] == -0.75
        assert found["none"].shape == (0, 4)


def test_the_images_that_are_chosen_are_those_that_python_chooses(node: Path) -> None:
    code = """
const [total, wanted] = args.map(Number);
const isChosen = test_images.chooseImages(total, wanted);
console.log(JSON.stringify(Array.from({ length: total }, (_, index) => index).filter(isChosen)));
"""
    for total, wanted in ((75, 8), (75, 75), (7, 3), (1, 1)):
        done = run_module(node, code, str(total), str(wanted))
        # As pipeline/explain/chosen_images.py says it
        expected = [one for one in range(total) if one * wanted // total != (one + 1) * wanted // total]
        assert json.loads(done.stdout) == expected
        assert len(expected) == wanted
