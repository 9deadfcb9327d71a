"""The label files that people have with a model: what each line means, and what is said of bad ones."""

from __future__ import annotations

import io
import json
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.detecting.class_names import read_class_names, read_packed_class_names
from pipeline.errors import DataError
from tests.project import ROOT, shared_data

# The beginning of google-coral/test_data's coco_labels.txt as it was first, and as it is now
CORAL_WITH_IDS = """0  person
1  bicycle
9  traffic light
10  fire hydrant
12  stop sign
89  toothbrush
"""
CORAL_NAMES = "person\nbicycle\ntraffic light\nfire hydrant\nn/a\nstop sign\n"

# The beginning of the labelmap.txt in coco_ssd_mobilenet_v1_1.0_quant_2018_06_29.zip
STARTER_MODEL = "???\nperson\nbicycle\ntraffic light\nfire hydrant\n???\nstop sign\n"

FRIGATE = "0  person\n1  bicycle\n2  car\n3  motorcycle\n4  airplane\n5  bus\n6  train\n7  boat"

MSCOCO = """item {
  name: "/m/01g317"
  id: 1
  display_name: "person"
}
item {
  name: "/m/01pns0"
  id: 11
  display_name: "fire hydrant"
}
item {
  name: "/m/02pv19"
  id: 13
  display_name: "stop sign"
}
"""


def read(tmp_path: Path, text: str | bytes, name: str = "labels.txt") -> dict[int, str]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_class_names(path)


def refused(tmp_path: Path, text: str | bytes, name: str = "labels.txt") -> str:
    """Return what is said of a file, its folder left out."""
    with pytest.raises(DataError) as raised:
        read(tmp_path, text, name)
    return str(raised.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (CORAL_WITH_IDS, {1: "person", 2: "bicycle", 10: "traffic light", 11: "fire hydrant", 13: "stop sign",
                          90: "toothbrush"}),
        (CORAL_NAMES, {1: "person", 2: "bicycle", 3: "traffic light", 4: "fire hydrant", 6: "stop sign"}),
        (STARTER_MODEL, {1: "person", 2: "bicycle", 3: "traffic light", 4: "fire hydrant", 6: "stop sign"}),
        (FRIGATE, {1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 5: "airplane", 6: "bus", 7: "train",
                   8: "boat"}),
        ("0  face\n", {1: "face"}),  # google-coral/test_data's face_labels.txt
        ("background\ntench\ngoldfish\n", {1: "tench", 2: "goldfish"}),
    ],
)  # fmt: skip
def test_files_in_the_wild_are_read_as_their_models_count(tmp_path: Path, text: str, names: dict[int, str]) -> None:
    assert read(tmp_path, text) == names


@pytest.mark.parametrize(
    "text",
    [
        "0 cat\n1 big dog\n",
        "0: cat\n1: big dog",
        "0:cat\n1:big dog",
        "0,cat\n1,big dog\n",
        "0\tcat\n1\tbig dog\n",
        "  0 : cat\n  1 : big dog\n",
        "\n0 cat\n\n1 big dog\n",
    ],
)
def test_ids_may_be_written_in_any_way(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {1: "cat", 2: "big dog"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 person\n2 car\n", {1: "person", 2: "car"}),
        ("2 car\n7 truck\n", {2: "car", 7: "truck"}),
        ("0 background\n1 person\n", {1: "person"}),
        ("0: ???\n1: person\n3: car\n", {1: "person", 3: "car"}),
        ("1 car\n0 person\n", {1: "person", 2: "car"}),
        ("0 person\n1\n2 car\n", {1: "person", 3: "car"}),
        ("0 person\n1 n/a\n2 car\n", {1: "person", 3: "car"}),
        ("0 background\n1 BACKGROUND\n", {1: "BACKGROUND"}),
    ],
)
def test_ids_count_from_zero_only_where_zero_is_a_class(tmp_path: Path, text: str, names: dict[int, str]) -> None:
    assert read(tmp_path, text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("7 up\n", {1: "7 up"}),
        ("7 up\ncola\n", {1: "7 up", 2: "cola"}),
        ("cola\n1 litre\n", {1: "cola", 2: "1 litre"}),
        ("1 litre\n1 gallon\ncola\n", {1: "1 litre", 2: "1 gallon", 3: "cola"}),
        ("1\n2\n3\n", {1: "1", 2: "2", 3: "3"}),
        ("Label 1\nLabel 2\n", {1: "Label 1", 2: "Label 2"}),
        ("4x4\n4wd\n", {1: "4x4", 2: "4wd"}),
        ("zèbre\n猫\n#1\n", {1: "zèbre", 2: "猫", 3: "#1"}),
        ("crane\ncrane\n", {1: "crane", 2: "crane"}),  # ImageNet has two
    ],
)
def test_names_may_hold_numbers(tmp_path: Path, text: str, names: dict[int, str]) -> None:
    assert read(tmp_path, text) == names


@pytest.mark.parametrize(
    "text",
    [
        "café\r\nniño\r\n\r\n",
        "café\rniño\r",
        "\ufeffcafé\nniño",
        "café\nniño\n".encode("utf-16"),
        "\ufeffcafé\r\nniño\r\n".encode("utf-16-be"),
        "café\nniño\n".encode("latin-1"),
        "# Classes of the bar\n#\n\n  café  \nniño\n\n\n",
    ],
)
def test_any_editor_may_have_saved_it(tmp_path: Path, text: str | bytes) -> None:
    assert read(tmp_path, text) == {1: "café", 2: "niño"}


@pytest.mark.parametrize("name", ["mscoco_label_map.pbtxt", "labels.txt"])
def test_a_label_map_gives_the_names_for_people(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, MSCOCO, name) == {1: "person", 11: "fire hydrant", 13: "stop sign"}


def test_a_label_map_without_display_names_gives_its_names(tmp_path: Path) -> None:
    text = "# ours\nitem { id: 2 name: 'driver\\'s cab' }\nitem { id: 1 name: \"z\\303\\250bre \" display_name: '' }\n"
    assert read(tmp_path, text, "label_map.pbtxt") == {1: "zèbre ", 2: "driver's cab"}


def test_the_background_of_a_label_map_is_no_class(tmp_path: Path) -> None:
    text = 'item { id: 0 name: "background" }\nitem { id: 1 name: "cat" keypoints { id: 0 label: "nose" } }\n'
    assert read(tmp_path, text, "label_map.pbtxt") == {1: "cat"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('["cat", "dog"]', "labels.json"),
        ('["???", "cat", "dog"]', "labels.json"),
        ('{"1": "cat", "2": "dog"}', "labels.json"),
        ('{\n\t"1": "dog",\n\t"0": "cat"\n}\n', "labels.json"),
        ('{"names": {"0": "cat", "1": "dog"}, "nc": 2}', "model.json"),
        ("path: ../datasets\ntrain: images\nnames:\n  0: cat\n  1: dog\n", "data.yaml"),
        ("nc: 2\nnames: [cat, 'dog']\n", "data.yml"),
        ("1: cat\n2: dog\n", "classes.yaml"),
    ],
)
def test_json_and_yaml_say_the_same(tmp_path: Path, text: str, name: str) -> None:
    assert read(tmp_path, text, name) == {1: "cat", 2: "dog"}


def test_names_that_yaml_takes_for_something_else_are_names(tmp_path: Path) -> None:
    assert read(tmp_path, "names: [no, 1, 1.50]\n", "data.yaml") == {1: "no", 2: "1", 3: "1.50"}


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("", "labels.txt", "labels.txt: the file is empty; wanted the names of the classes"),
        (" \n\n", "labels.txt", "labels.txt: the file is empty; wanted the names of the classes"),
        ("# nothing\n", "labels.txt", "labels.txt: no names in it"),
        ("???\n", "labels.txt", "labels.txt: no names in it"),
        ("0 background\n", "labels.txt", "labels.txt: no names in it"),
        ("cat\ndo\0g\n", "labels.txt", "labels.txt:2: not text: it holds the byte 0"),
        ("0 cat\n1 dog\n\n1 bird\n", "labels.txt", "labels.txt:4: 'bird' has id 1, which 'dog' has already"),
        ("cat\n\ndog\n", "labels.txt", "labels.txt:2: an empty line between names"),
        (
            "0 cat\n1 dog\n2 bird\nand 255 is the ignore label\n",
            "labels.txt",
            "labels.txt:4: found 'and 255 is the ignore label', wanted an id and a name, as on the other lines",
        ),
        ("cat\n" * 2**18 + "dog\n", "labels.txt", "labels.txt: more than 1048576 bytes, which no list of classes has"),
        (
            'item { id: 0 name: "cat" }',
            "label_map.pbtxt",
            "label_map.pbtxt: item 1 ('cat') has id 0; ids start at 1, 0 is the background",
        ),
        (
            'item { id: 1 name: "cat" } item { id: 1 name: "dog" }',
            "label_map.pbtxt",
            "label_map.pbtxt: item 2 ('dog') has id 1, which 'cat' has already",
        ),
        ("item { id: 1 }", "label_map.pbtxt", "label_map.pbtxt: item 1 has no name"),
        ("item { name: 'cat' }", "label_map.pbtxt", "label_map.pbtxt: item 1 ('cat') has id nothing"),
        ("item {\n name: 'cat\n}", "label_map.pbtxt", "label_map.pbtxt:2: a quote that does not end"),
        ('{"0": "cat", "0": "dog"}', "labels.json", "labels.json: 'dog' has id 0, which 'cat' has already"),
        ('{"cat": 1}', "labels.json", "labels.json: 'cat' is no id of a class; wanted numbers and names"),
        ("[1, 2]", "labels.json", "labels.json: what class 0 is called is not a text"),
        ("[]", "labels.json", "labels.json: no names in it"),
        ("3", "labels.json", 'labels.json: wanted ["person", "bicycle"] or {"1": "person"}, found \'3\''),
        ("names:\n  0: cat\n  0: dog\n", "data.yaml", "data.yaml:3: 'dog' has id 0, which 'cat' has already"),
        ("names:\n  0: [cat]\n", "data.yaml", "data.yaml:2: what class 0 is called is not a text"),
        (
            "names: 80\n",
            "data.yaml",
            "data.yaml: wanted names: [person, bicycle] or names: {0: person}, and found neither",
        ),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(tmp_path: Path, text: str, name: str, message: str) -> None:
    assert refused(tmp_path, text, name) == message


@pytest.mark.parametrize(("text", "name"), [("{", "labels.json"), ("[" * 10**5, "labels.json"), ("a: [", "data.yaml")])
def test_broken_json_and_yaml_are_named(tmp_path: Path, text: str, name: str) -> None:
    assert refused(tmp_path, text, name).startswith(f"{name}: not {name[-4:].upper()}: ")


def test_a_file_of_another_kind_is_no_label_file(tmp_path: Path) -> None:
    photo = (shared_data() / "odd_images" / "hopper_gray.jpg").read_bytes()
    assert refused(tmp_path, photo).startswith("labels.txt:1: not text: it holds the byte ")


def test_a_label_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as raised:
        read_class_names(tmp_path / "labels.txt")
    assert str(raised.value) == f"no label file at {tmp_path}/labels.txt"
    assert raised.value.hint == "give a label_map.pbtxt, or a text file with a name a line"
    with pytest.raises(DataError, match=r"is a folder, not a label file$"):
        read_class_names(tmp_path)


@pytest.fixture
def model() -> bytes:
    """A detector that others converted, without metadata."""
    return (shared_data() / "mobiledet_dogcat" / "ssdlite_mobiledet_dog_vs_cat.tflite").read_bytes()


def with_files(model: bytes, **files: str) -> bytes:
    content = io.BytesIO(model)
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return content.getvalue()


def test_what_this_project_packs_into_a_model_is_read_again(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "container_scripts"))
    described = {
        "input_width": 320, "input_height": 320, "input_type": "uint8", "resize": "stretch",
        "preprocessing": {"scale": [2 / 255] * 3, "offset": [-1.0] * 3},
    }  # fmt: skip
    packed = import_module("tflite_build.metadata").pack(model, described, "zèbre\ndriver's cab\n")
    assert read_packed_class_names(packed) == {1: "zèbre", 2: "driver's cab"}


def test_a_foreign_model_s_packed_labels_are_read_as_label_files_are(model: bytes) -> None:
    assert read_packed_class_names(with_files(model, labelmap__txt=STARTER_MODEL))[1] == "person"  # type: ignore[index]
    assert read_packed_class_names(with_files(model, dict__txt="background\ncat\ndog\n")) == {1: "cat", 2: "dog"}
    scored = with_files(model, score_calibration__txt="0.1,0.2\n", labels__txt="cat\ndog\n")
    assert read_packed_class_names(scored) == {1: "cat", 2: "dog"}


def test_a_model_without_packed_labels_has_none(model: bytes) -> None:
    assert read_packed_class_names(model) is None
    assert read_packed_class_names(b"") is None
    assert read_packed_class_names(with_files(model, graph__json=json.dumps({}))) is None
    assert read_packed_class_names(with_files(model, a__txt="1\n", b__txt="2\n")) is None


def test_packed_labels_that_are_broken_are_named(model: bytes) -> None:
    with pytest.raises(DataError, match=r"^labelmap\.txt, packed into the model:2: an empty line between names$"):
        read_packed_class_names(with_files(model, labelmap__txt="cat\n\ndog\n"))
    stored = io.BytesIO(model)
    with zipfile.ZipFile(stored, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("labelmap.txt", "cat\ndog\n")
    broken = stored.getvalue().replace(b"cat\ndog\n", b"cat\ncow\n")
    with pytest.raises(DataError, match=r"^labelmap\.txt, packed into the model: cannot be read: Bad CRC-32"):
        read_packed_class_names(broken)
