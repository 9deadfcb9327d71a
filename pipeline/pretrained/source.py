"""What PRETRAINED= means: the model zoo's own weights, a URL, a path, or none.

    find_source(None, model="ssd_mobilenet_v2", zoo_url="http://.../ssd_mobilenet_v2_coco_2018_03_29.tar.gz")
    -> Source(kind="zoo", label="zoo ssd_mobilenet_v2_coco_2018_03_29",
              weights="input/pretrained/ssd_mobilenet_v2_coco_2018_03_29", ...)

Whatever they are, they end as one folder with the same file names, so that a training is planned before they are
there: input/pretrained/KEY/model.ckpt.index, model.ckpt.data-00000-of-00001, pipeline.config, source.json.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from pipeline.errors import ConfigError

CACHE = "input/pretrained"
ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar", ".zip")
CHECKPOINT = "model.ckpt"
_CHECKPOINT_NAME = re.compile(r"\.ckpt(-\d+)?(\.(index|meta|data-\d{5}-of-\d{5}))?$")
PART_OF_CHECKPOINT = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where weights come from. `location` is a URL or a path, `label` how people call it, `key` its cache folder."""

    kind: Literal["zoo", "url", "path"]
    location: str
    label: str
    key: str

    @property
    def weights(self) -> str:
        """The folder, relative to the project, where the checkpoint will lie."""
        return f"{CACHE}/{self.key}"

    @property
    def prefix(self) -> str:
        """The checkpoint's prefix there."""
        return f"{self.weights}/{CHECKPOINT}"

    @property
    def is_checkpoint_url(self) -> bool:
        """Whether a URL names a checkpoint itself rather than an archive of one."""
        return self.kind != "path" and _CHECKPOINT_NAME.search(urlsplit(self.location).path) is not None


def find_source(setting: str | None, *, model: str, zoo_url: str | None, has_own_config: bool = False) -> Source | None:
    """Return what a PRETRAINED setting means for a model, or None for none.

    Unset is the zoo where it has the model; a pipeline.config of one's own may be any model, so there it is none.
    Raises ConfigError for a zoo that has no weights of the model, and for a URL that is none of the web.
    """
    if setting is None:
        setting = "zoo" if zoo_url and not has_own_config else "none"
    setting = setting.strip()
    if setting.lower() == "none":
        return None
    if setting.lower() == "zoo":
        if zoo_url is None:
            raise ConfigError(
                f"the zoo has no weights of {model}",
                hint="PRETRAINED=none, or the path or URL of a checkpoint or an archive (make models lists the zoo's)",
            )
        name = stem(zoo_url)
        return Source("zoo", zoo_url, f"zoo {name}", name)
    if not setting:
        raise ConfigError("setting 'pretrained' is empty", hint="zoo, none, a path or a URL")
    if "://" in setting:
        _check_url(setting)
        label = without_password(setting)
        return Source("url", setting, label, f"{stem(setting)}-{digest(label)}")
    path = PART_OF_CHECKPOINT.sub("", setting)
    return Source("path", path, path, f"{stem(path)}-{digest(path)}")


def _check_url(url: str) -> None:
    scheme, _, rest = url.partition("://")
    if scheme.lower() == "gs":
        raise ConfigError(
            f"PRETRAINED is {url!r}: gs:// is not read", hint=f"PRETRAINED=https://storage.googleapis.com/{rest}"
        )
    if scheme.lower() not in ("http", "https") or not rest.strip("/"):
        raise ConfigError(
            f"PRETRAINED is {without_password(url)!r}; wanted zoo, none, a path, or a URL of http or https"
        )


def stem(location: str) -> str:
    """Return what an archive or a checkpoint is called, as a folder may be: without folders and suffix."""
    path = unquote(urlsplit(location).path) if "://" in location else location
    name = path.rstrip("/").rsplit("/", 1)[-1]
    for suffix in ARCHIVE_SUFFIXES:
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._-")[:100] or "weights"


def suffix_of(location: str) -> str:
    """Return the suffix of an archive's name; .tar.gz where it has none that is known."""
    path = urlsplit(location).path.lower()
    return next((suffix for suffix in ARCHIVE_SUFFIXES if path.endswith(suffix)), ".tar.gz")


def digest(location: str) -> str:
    """Return a few letters that tell places of the same name apart."""
    return hashlib.sha256(location.encode()).hexdigest()[:8]


def without_password(url: str) -> str:
    """Return a URL for messages and receipts: without a password, and without a query, which may be a key as well."""
    return re.sub(r"(?<=://)[^/@]*@", "", url).partition("?")[0]
