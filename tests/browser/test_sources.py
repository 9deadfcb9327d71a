"""detector.js in real Chromium takes anything that shows an image."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.browser.pages import DETECT, Open, differences, encode, load
from tests.browser.site import Site

pytestmark = pytest.mark.tfjs


def test_every_kind_of_source_gives_the_same_boxes(open_page: Open, site: Site, photo: Image.Image) -> None:
    page = load(open_page, site)
    wanted = page.evaluate(DETECT, {})
    found = page.evaluate(
        """async () => {
            const blob = await (await fetch("/photo")).blob();
            const image = new Image();
            image.src = URL.createObjectURL(blob);      // not decoded yet: detect waits for it
            const detect = (source) => detector.detect(source, { threshold: 0, maxDetections: 20 });
            const found = { image: await detect(image) };
            const { naturalWidth: width, naturalHeight: height } = image;
            const canvas = Object.assign(document.createElement("canvas"), { width, height });
            canvas.getContext("2d").drawImage(image, 0, 0);
            const data = canvas.getContext("2d").getImageData(0, 0, width, height);
            const offscreen = new OffscreenCanvas(width, height);
            offscreen.getContext("2d").drawImage(image, 0, 0);
            const frame = new VideoFrame(canvas, { timestamp: 0 });
            Object.assign(found, {
                canvas: await detect(canvas), offscreen: await detect(offscreen), data: await detect(data),
                bitmap: await detect(await createImageBitmap(blob)), frame: await detect(frame),
                pixels: await detect({ width, height, data: data.data.filter((_, at) => at % 4 !== 3) }),
            });
            frame.close();
            return found;
        }"""
    )
    for kind, boxes in found.items():
        assert differences(wanted, boxes) == (0, 0), kind


def test_a_video_is_looked_at_frame_by_frame(open_page: Open, site: Site, photo: Image.Image) -> None:
    page = load(open_page, site)
    wanted = page.evaluate(DETECT, {"threshold": 0.05})
    before, found = page.evaluate(
        """async () => {
            const bitmap = await createImageBitmap(await (await fetch("/photo")).blob());
            const { width, height } = bitmap;
            const canvas = Object.assign(document.createElement("canvas"), { width, height });
            const video = document.createElement("video");
            const before = await detector.detect(video).catch((error) => error.message);
            video.muted = true;
            video.srcObject = canvas.captureStream(30);
            const drawing = setInterval(() => canvas.getContext("2d").drawImage(bitmap, 0, 0), 30);
            await video.play();
            await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
            const found = await detector.detect(video, { threshold: 0.05, maxDetections: 20 });
            clearInterval(drawing);
            return [before, found];
        }"""
    )
    assert before.endswith("found HTMLVideoElement; a video has no size before its 'loadeddata' event")
    # On its way into a video an image becomes YUV and back
    best, same = wanted[0], next(one for one in found if one["label"] == wanted[0]["label"])
    assert abs(best["score"] - same["score"]) < 0.1
    assert all(abs(best["box"][edge] - same["box"][edge]) < 5 for edge in best["box"])


def test_a_photo_that_exif_turns_is_seen_as_people_see_it(open_page: Open, site: Site, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right
    stored = photo.transpose(Image.Transpose.ROTATE_90)
    site.files["/turned.jpg"] = encode(stored, "JPEG", quality=95, subsampling=0, exif=exif)
    page = load(open_page, site)
    found = page.evaluate(
        """async () => {
            const image = new Image();
            image.src = "/turned.jpg";
            const options = { threshold: 0, maxDetections: 5 };
            const byElement = await detector.detect(image, options);
            return [byElement, await detector.detect(await (await fetch("/turned.jpg")).blob(), options),
                await detector.detect(await (await fetch("/photo")).blob(), options)];
        }"""
    )
    assert found[0] == found[1]
    best, wanted = found[0][0], found[2][0]
    assert best["label"] == wanted["label"] and abs(best["score"] - wanted["score"]) < 0.1
    assert all(abs(best["box"][edge] - wanted["box"][edge]) < 5 for edge in best["box"])
