"""What a PRETRAINED setting means, and which headers of a server are checksums."""

from __future__ import annotations

import pytest

from pipeline.errors import ConfigError
from pipeline.pretrained.checksums import server_checksums
from pipeline.pretrained.source import Source, find_source


def test_what_pretrained_means() -> None:
    zoo = "http://zoo.example/models/ssd_tiny_2018.tar.gz"
    unset = find_source(None, model="ssd_tiny", zoo_url=zoo)
    assert unset == Source("zoo", zoo, "zoo ssd_tiny_2018", "ssd_tiny_2018")
    assert unset.prefix == "input/pretrained/ssd_tiny_2018/model.ckpt"
    assert find_source("ZOO", model="ssd_tiny", zoo_url=zoo) == unset
    assert find_source("none", model="ssd_tiny", zoo_url=zoo) is None
    assert find_source(None, model="ssd_tiny", zoo_url=None) is None
    assert find_source(None, model="ssd_tiny", zoo_url=zoo, has_own_config=True) is None
    secret = find_source("https://me:secret@host/my weights.zip?token=secret", model="ssd_tiny", zoo_url=zoo)
    assert secret is not None and secret.label == "https://host/my weights.zip"
    assert secret.key.startswith("my_weights-")
    with pytest.raises(ConfigError, match="the zoo has no weights of ssd_tiny"):
        find_source("zoo", model="ssd_tiny", zoo_url=None)
    with pytest.raises(ConfigError, match="'ftp://host/x.tar.gz'; wanted zoo, none, a path, or a URL of http or https"):
        find_source("ftp://host/x.tar.gz", model="ssd_tiny", zoo_url=zoo)
    with pytest.raises(ConfigError) as caught:
        find_source("gs://bucket/x.tar.gz", model="ssd_tiny", zoo_url=zoo)
    assert caught.value.hint == "PRETRAINED=https://storage.googleapis.com/bucket/x.tar.gz"


def test_only_what_is_a_checksum_is_taken_for_one() -> None:
    md5 = "d41d8cd98f00b204e9800998ecf8427e"
    assert server_checksums({"ETag": f'"{md5}"'}, is_whole=False) == {"md5": md5}
    assert server_checksums({"ETag": f'W/"{md5}"'}, is_whole=True) == {}
    assert server_checksums({"ETag": f'"{md5}-3"'}, is_whole=True) == {}  # S3, uploaded in parts
    assert server_checksums({"ETag": f'"{md5}"', "x-amz-server-side-encryption": "aws:kms"}, is_whole=True) == {}
    assert server_checksums({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, is_whole=False) == {}
    assert server_checksums({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, is_whole=True) == {"md5": md5}
    assert server_checksums({"x-goog-hash": "crc32c=AAAAAA==, md5=1B2M2Y8AsgTpgAmY7PhCfg=="}, is_whole=False) == {
        "md5": md5, "crc32c": "00000000",
    }  # fmt: skip
