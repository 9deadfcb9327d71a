"""Fetch one file over HTTP: goes on where it was cut off, tries again, and checks what the server says of it.

    input/pretrained/ssd.tar.gz.part        what has come so far; the next run goes on from there
    input/pretrained/ssd.tar.gz.part.etag   which version of the file that is

Proxies are taken from the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) by requests.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from pipeline.datasets.files.disk import check_space, explaining_full_disk, format_bytes
from pipeline.errors import DataError
from pipeline.pretrained.checksums import find_difference, server_checksums
from pipeline.pretrained.source import without_password
from pipeline.report.screen import Progress, say

_CHUNK_BYTES = 2**16
_MOST_WAIT_S = 30.0
_FOR_NOW = (408, 425, 429, 500, 502, 503, 504)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for.

    `attempts` is how often in a row nothing new may come; of a server that cannot even be connected to,
    `first_attempts`. The wait between two doubles from `wait_s`. `read_s` is the longest silence, not the whole time.
    """

    connect_s: float = 20
    read_s: float = 60
    attempts: int = 6
    first_attempts: int = 3
    wait_s: float = 1


class Unreachable(Exception):
    """The server cannot be reached, or stopped answering; the text is the rest of a sentence about the URL."""


class NotThere(Exception):
    """The server answers, and has no such file for us; the text is the rest of a sentence about the URL."""


class _Again(Exception):
    """This attempt failed, another one may not."""

    def __init__(self, reason: str, *, wait_s: float = 0, connected: bool = True) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.connected = connected


def download(url: str, target: Path, *, patience: Patience | None = None, shown: Path | None = None) -> Path:
    """Fetch a file to `target` with .part at its end, whole and checked; return that path, for the caller to rename.

    What is there of it already is kept. Raises Unreachable, NotThere, DataError for what is no file (a web page) or
    differs from the server's checksums twice, and StageError for a full disk.
    """
    fetching = _Fetching(url, target, patience or Patience(), shown or target)
    for is_last in (False, True):
        checksums = fetching.run()
        difference = find_difference(fetching.part, checksums)
        if difference is None:
            fetching.version.unlink(missing_ok=True)
            return fetching.part
        fetching.forget()
        if not is_last:
            say(f"download  {target.name} came damaged ({difference}); again, from its start")
    raise DataError(
        f"{without_password(url)} came damaged twice: {difference}",
        hint=f"a proxy may change it on the way: fetch it by another way, and put it into {(shown or target).parent}",
    )


class _Fetching:
    """One file on its way, over as many requests as it takes."""

    def __init__(self, url: str, target: Path, patience: Patience, shown: Path) -> None:
        self.url = url
        self.part = target.with_name(target.name + ".part")
        self.version = target.with_name(target.name + ".part.etag")
        self.patience = patience
        self.shown = shown
        self.session = requests.Session()
        # Bytes as they are stored: a tar.gz that is sent as "Content-Encoding: gzip" must not be unpacked on the way
        self.session.headers.update({"Accept-Encoding": "identity", "User-Agent": "odpipe"})
        certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
        if certificates:
            self.session.verify = certificates

    @property
    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def forget(self) -> None:
        """Remove what has come so far."""
        self.part.unlink(missing_ok=True)
        self.version.unlink(missing_ok=True)

    def run(self) -> dict[str, str]:
        """Fetch all of it; return the server's checksums."""
        failures = 0
        while True:
            before = self.size
            try:
                return self._attempt()
            except _Again as again:
                failures = 1 if self.size > before else failures + 1
                if failures >= (self.patience.attempts if again.connected else self.patience.first_attempts):
                    raise Unreachable(str(again)) from again
                wait_s = min(max(again.wait_s, self.patience.wait_s * 2 ** (failures - 1)), _MOST_WAIT_S)
                had = f" after {format_bytes(self.size)}" if self.size else ""
                say(f"download  {again}{had}; again in {wait_s:g} s")
                time.sleep(wait_s)

    def _attempt(self) -> dict[str, str]:
        start = self.size
        with self._open(start) as response:
            self._check_status(response, start)
            content_range = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if response.status_code == 206 and (content_range is None or int(content_range[1]) != start):
                self.forget()
                raise _Again("the server answers with another part than was asked for")
            start = start if response.status_code == 206 else 0
            total = _total(response.headers, start, content_range)
            self._remember_version(response.headers)
            self._receive(response, start, total)
            return server_checksums(response.headers, is_whole=not start)

    def _open(self, start: int) -> requests.Response:
        headers = {}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self.version.exists():  # else it is taken on trust that the file is the same; its checksum will tell
                headers["If-Range"] = self.version.read_text(encoding="utf-8")
        timeouts = (self.patience.connect_s, self.patience.read_s)
        try:
            return self.session.get(self.url, headers=headers, stream=True, timeout=timeouts)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise NotThere(f"is no address: {error}") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            slow = isinstance(error, requests.exceptions.ReadTimeout)
            raise _Again(self._explain(error), connected=slow) from error

    def _check_status(self, response: requests.Response, start: int) -> None:
        status = f"{response.status_code} {response.reason or ''}".strip()
        if response.status_code == 416 and start:
            self.forget()
            raise _Again("the file there is shorter than what has come of it")
        if response.status_code in _FOR_NOW:
            wait = response.headers.get("Retry-After", "")
            raise _Again(f"the server answers {status}", wait_s=float(wait) if wait.isdecimal() else 0)
        if response.status_code not in (200, 206):
            raise NotThere(f"cannot be had: the server answers {status}")
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise DataError(
                f"{without_password(self.url)}: a web page came in place of the file",
                hint="a network that asks for a login answers so, or a URL that shows a page: open it in a browser",
            )

    def _remember_version(self, headers: Mapping[str, str]) -> None:
        version = headers.get("ETag", "")
        if not version or version.startswith("W/"):  # a weak one does not promise the same bytes
            version = headers.get("Last-Modified", "")
        if version:
            self.version.write_text(version, encoding="utf-8")
        else:
            self.version.unlink(missing_ok=True)

    def _receive(self, response: requests.Response, start: int, total: int | None) -> None:
        done = start
        if total is not None:
            check_space(self.part, total - start, shown=self.shown)
        shown_total = max((total or 0) // 10**6, 1)
        with (
            explaining_full_disk(self.shown, total or 0),
            self.part.open("r+b" if start else "wb") as file,
            Progress(
                f"download {self.shown.name}", total=shown_total, unit="MB", start=min(start // 10**6, shown_total)
            ) as bar,
        ):
            file.seek(start)
            for chunk in self._chunks(response):
                file.write(chunk)
                done += len(chunk)
                bar.update(min(done // 10**6, shown_total))
            file.truncate()
        if total is not None and done != total:
            raise _Again(f"the connection was cut at {format_bytes(done)} of {format_bytes(total)}")

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        """Yield the bytes as they come; a cut or silent connection ends it with _Again."""
        stream = response.raw.stream(_CHUNK_BYTES, decode_content=False)
        while True:
            try:
                chunk = next(stream, b"")
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise _Again(self._explain(error)) from error
            if not chunk:
                return
            yield chunk

    def _explain(self, error: Exception) -> str:
        """Say why nothing came, without the layers of objects that the libraries wrap it into."""
        causes = " ".join(_causes(error))
        if isinstance(error, requests.exceptions.ProxyError):
            return f"the proxy does not answer ({_last_words(error)})"
        if isinstance(error, (requests.exceptions.ConnectTimeout,)):
            return f"no connection within {self.patience.connect_s:g} s"
        if "Timeout" in causes:
            return f"nothing came for {self.patience.read_s:g} s"
        if "NameResolutionError" in causes or "gaierror" in causes:
            return "its name is not known here (no network, or no DNS)"
        if "IncompleteRead" in causes or "Reset" in causes or "RemoteDisconnected" in causes:
            return "the connection was cut"
        return _last_words(error)


def _total(headers: Mapping[str, str], start: int, content_range: re.Match[str] | None) -> int | None:
    """Return the size of the whole file in bytes; None where the server does not say."""
    if content_range and content_range[2] != "*":
        return int(content_range[2])
    length = headers.get("Content-Length", "")
    return start + int(length) if length.isdecimal() else None


def _causes(error: BaseException | None) -> list[str]:
    names: list[str] = []
    while error is not None and len(names) < 20:
        names.append(type(error).__name__)
        nested = next((part for part in error.args if isinstance(part, BaseException)), None)
        error = getattr(error, "reason", None) or nested or error.__cause__ or error.__context__
        if not isinstance(error, BaseException):
            break
    return names


def _last_words(error: Exception) -> str:
    """Return the end of a nested error: "[Errno 111] Connection refused" as "Connection refused"."""
    text = re.sub(r"\[Errno -?\d+\] ", "", str(error)).rstrip("'\")")
    return text.rsplit(": ", 1)[-1].strip("'\"()")[:200] or type(error).__name__
