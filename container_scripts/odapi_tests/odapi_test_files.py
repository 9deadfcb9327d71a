"""A copy of the Object Detection API's package with the files that its own tests read and that it does not ship.

    copy_package(".../site-packages/object_detection", "/tmp/x")    PYTHONPATH=/tmp/x python -m object_detection...

The copy is of links, so nothing in site-packages is touched. Configurations and records that the repository has
and the package lacks are stand-ins of ours (odapi_tests/*.config, two drawn images): the tests build networks,
losses and input pipelines from them and ask for shapes, names and errors, not for figures.
"""

import os

import numpy as np
import tensorflow as tf

CONFIGS = os.path.dirname(os.path.abspath(__file__))
CONFIG_FOLDERS = {
    "ssd_inception_v2_pets.config": "samples/configs",
    "ssd_mobilenet_v1_fpp.config": "test_data",
    "context_rcnn_camera_trap.config": "test_data",
}
LABEL_MAPS = {
    "pet_label_map.pbtxt": ("Abyssinian", "american_bulldog"),
    "snapshot_serengeti_label_map.pbtxt": ("gazelle", "zebra"),
    "face_person_with_keypoints_label_map.pbtxt": ("face", "PERSON"),
}
KEYPOINTS = {"face_person_with_keypoints_label_map.pbtxt": ("left", "top", "right")}
IMAGE_SIDE_PX = 32
EDGES = {"ymin": 0.1, "xmin": 0.2, "ymax": 0.6, "xmax": 0.7}


def copy_package(package_dir, folder):
    """Lay links to a package's files into FOLDER/object_detection, and the missing files beside them."""
    copy = os.path.join(folder, "object_detection")
    for parent, folders, names in os.walk(package_dir):
        folders[:] = [name for name in folders if name != "__pycache__"]
        target = os.path.join(copy, os.path.relpath(parent, package_dir))
        os.makedirs(target, exist_ok=True)
        for name in names:
            os.symlink(os.path.join(parent, name), os.path.join(target, name))
    for name, place in CONFIG_FOLDERS.items():
        with open(os.path.join(CONFIGS, name), encoding="utf-8") as file:
            write_missing(os.path.join(copy, place, name), file.read().encode("utf-8"))
    for name, classes in LABEL_MAPS.items():
        write_missing(os.path.join(copy, "data", name), to_label_map(classes, KEYPOINTS.get(name, ())).encode("utf-8"))
    for name, example in (
        ("pets_examples.record", draw_example(LABEL_MAPS["pet_label_map.pbtxt"])),
        (
            "snapshot_serengeti_sequence_examples.record",
            draw_sequence(LABEL_MAPS["snapshot_serengeti_label_map.pbtxt"]),
        ),
    ):
        path = os.path.join(copy, "test_data", name)
        if not os.path.exists(path):
            with tf.io.TFRecordWriter(path) as writer:
                writer.write(example.SerializeToString())


def write_missing(path, content):
    """Write a file where the package has none: if it ever ships its own, that one is right."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def to_label_map(classes, keypoints):
    """Give the text of a label map; class ids start at 1, those of the keypoints that all classes have at 0."""
    points = "".join(" keypoints {{ id: {} label: '{}' }}".format(*point) for point in enumerate(keypoints))
    return "".join(
        "item {{ id: {} name: '{}'{} }}\n".format(number, name, points) for number, name in enumerate(classes, 1)
    )


def draw_image(seed):
    """Give the PNG of a few coarse tiles."""
    tiles = np.random.RandomState(seed).randint(0, 256, (4, 4, 3), np.uint8)
    pixels = np.kron(tiles, np.ones((IMAGE_SIDE_PX // 4, IMAGE_SIDE_PX // 4, 1), np.uint8))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        return session.run(tf.image.encode_png(pixels))


def draw_example(classes):
    """Give a tf.Example with one box of each class."""
    count = len(classes)
    features = {
        "image/encoded": _bytes([draw_image(0)]),
        "image/format": _bytes([b"png"]),
        "image/filename": _bytes([b"drawn.png"]),
        "image/source_id": _bytes([b"0"]),
        "image/height": _integers([IMAGE_SIDE_PX]),
        "image/width": _integers([IMAGE_SIDE_PX]),
        "image/object/class/text": _bytes([name.encode("utf-8") for name in classes]),
        "image/object/class/label": _integers(list(range(1, count + 1))),
    }
    for name, edge in EDGES.items():
        features["image/object/bbox/" + name] = _floats([edge] * count)
    return tf.train.Example(features=tf.train.Features(feature=features))


def draw_sequence(classes):
    """Give a tf.SequenceExample of an image for each class, with one box of it."""
    lists = {
        "image/encoded": [_bytes([draw_image(number)]) for number in range(len(classes))],
        "image/source_id": [_bytes([b"%d" % number]) for number in range(len(classes))],
        "region/is_annotated": [_integers([1]) for _ in classes],
        "region/label/string": [_bytes([name.encode("utf-8")]) for name in classes],
    }
    for name, edge in EDGES.items():
        lists["region/bbox/" + name] = [_floats([edge]) for _ in classes]
    context = {
        "image/format": _bytes([b"PNG"]),
        "image/height": _integers([IMAGE_SIDE_PX]),
        "image/width": _integers([IMAGE_SIDE_PX]),
    }
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(
            feature_list={name: tf.train.FeatureList(feature=each) for name, each in lists.items()}
        ),
    )


def _floats(values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def _bytes(values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integers(values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
