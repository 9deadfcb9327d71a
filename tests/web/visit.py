"""A visit to the browser page: what a person does there, and what must not happen meanwhile."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

LONG_MS = 90_000  # WebGL in software, on a machine that does other things
BUSY = re.compile(r"^$|^(Starting|Loading|Asking)")


class Visit:
    """A page that is open, and everything it said or asked for that it should not have."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.address = address
        self.problems: list[str] = []
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.context.set_default_timeout(LONG_MS)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: said.type == "error" and self.problems.append(f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self._look_at(request.url))
        # Listened to from the start: what opens before Playwright listens is a real dialog, which nobody answers
        self.page.on("filechooser", lambda _: None)
        self.page.on("websocket", lambda socket: self.problems.append(f"elsewhere: {socket.url}"))

    def _look_at(self, url: str) -> None:
        if not url.startswith((self.address, f"blob:{self.address}")):
            self.problems.append(f"elsewhere: {url}")

    def open(self) -> Visit:
        """Open the page and wait for its first model."""
        self.page.goto(self.address)
        self.wait()
        return self

    def wait(self) -> None:
        """Wait for what was begun: a model, a backend."""
        expect(self.page.locator("#status, #error:visible").first).not_to_have_text(BUSY, timeout=LONG_MS)

    @property
    def status(self) -> str:
        return self.page.inner_text("#status")

    @property
    def error(self) -> str:
        """The error on the page; empty when there is none."""
        return self.page.inner_text("#error") if self.page.is_visible("#error") else ""

    def expect_error(self, text: str) -> None:
        expect(self.page.locator("#error")).to_contain_text(text, timeout=LONG_MS)

    def expect_status(self, text: str) -> None:
        expect(self.page.locator("#status")).to_contain_text(text, timeout=LONG_MS)

    def look_at(self, files: Sequence[Path]) -> None:
        """Choose images and wait until all are done."""
        self.page.set_input_files("#images-input", [str(file) for file in files])
        if len(files) == 1:
            self.expect_status(files[0].name)
        else:
            self.expect_status(f"{len(files)} images done")

    def drop(self, paths: Sequence[Path]) -> None:
        """Drop files or folders into the middle of the page, as a file manager does."""
        wire = self.context.new_cdp_session(self.page)
        data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            wire.send("Input.dispatchDragEvent", {"type": kind, "x": 700, "y": 450, "data": data})
        wire.detach()

    def choose(self, select: str, title: str) -> None:
        """Choose a model, or another beside it."""
        self.page.select_option(select, label=title)
        self.wait()

    def set_threshold(self, score: float) -> None:
        self.page.fill("#threshold", str(score))

    def switch_to(self, backend: str) -> None:
        self.page.click(f"[name=backend][value={backend}] + span")
        self.wait()

    @property
    def backend(self) -> str:
        return self.page.input_value("[name=backend]:checked")

    def save(self, kind: str, *, panel: int = 0) -> str:
        """Download the detections and return the file's text."""
        with self.page.expect_download() as waited:
            self.page.locator(".panel").nth(panel).locator(f".{kind}").click()
        return Path(waited.value.path()).read_text(encoding="utf-8")

    def detections(self, *, panel: int = 0) -> list[dict[str, Any]]:
        """The detections that can be downloaded, as detection.json has them."""
        found: list[dict[str, Any]] = json.loads(self.save("json", panel=panel))
        return found

    def end(self) -> None:
        """Close the page; fail when it said or asked for what it should not have."""
        self.context.close()
        assert self.problems == []


def record_clip(page: Page, image: Path, target: Path) -> None:
    """Let the browser record two seconds of an unmoved image."""
    script = """
        async (encoded) => {
            const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
            const bitmap = await createImageBitmap(new Blob([bytes]));
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
            const context = canvas.getContext("2d");
            const recorder = new MediaRecorder(canvas.captureStream(20), { videoBitsPerSecond: 8e6 });
            const parts = [];
            recorder.ondataavailable = ({ data }) => parts.push(data);
            const ended = new Promise((resolve) => { recorder.onstop = resolve; });
            recorder.start();
            for (let frame = 0; frame < 40; frame++) {
                context.drawImage(bitmap, 0, 0);
                await new Promise((resolve) => setTimeout(resolve, 50));
            }
            recorder.stop();
            await ended;
            const reader = new FileReader();
            reader.readAsDataURL(new Blob(parts));
            await new Promise((resolve) => { reader.onload = resolve; });
            return reader.result.split(",")[1];
        }
    """
    encoded = page.evaluate(script, base64.b64encode(image.read_bytes()).decode())
    target.write_bytes(base64.b64decode(encoded))
