"""The loop of the Object Detection API's tutorial notebook, as most people copied it: the peer of detect_graph.py.

    python benchmarks/baselines/detect_tutorial.py GRAPH IMAGE_FOLDER [--asarray]

Written anew after object_detection_tutorial.ipynb (tensorflow/models, 2018): PIL opens an image, its pixels
become an array, `session.run` gets one image at a time, one after the other. The notebook makes the array
with `np.array(image.getdata())`; `--asarray` takes NumPy's fast way instead, as later copies do.
Prints {"images": n, "seconds": s}, without the time of loading TensorFlow and the graph.
"""

import json
import os
import sys
import time

import numpy as np
import tensorflow as tf
from PIL import Image


def load_image_into_numpy_array(image):
    """Turn a PIL image into an array, as the notebook does."""
    width, height = image.size
    return np.array(image.getdata()).reshape((height, width, 3)).astype(np.uint8)


def main():
    """Detect in every JPEG of a folder."""
    graph_path, folder = sys.argv[1:3]
    to_array = np.asarray if "--asarray" in sys.argv else load_image_into_numpy_array
    graph = tf.Graph()
    with graph.as_default():
        graph_def = tf.compat.v1.GraphDef()
        with open(graph_path, "rb") as file:
            graph_def.ParseFromString(file.read())
        tf.import_graph_def(graph_def, name="")
    names = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
    outputs = {name: graph.get_tensor_by_name(name + ":0") for name in names}
    found = []
    paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    with tf.compat.v1.Session(graph=graph) as session:
        session.run(outputs, {"image_tensor:0": np.zeros((1, 32, 32, 3), np.uint8)})
        began = time.time()
        for path in paths:
            image = to_array(Image.open(path).convert("RGB"))
            output = session.run(outputs, {"image_tensor:0": np.expand_dims(image, 0)})
            found.append({name: value.tolist() for name, value in output.items()})
        seconds = time.time() - began
    print(json.dumps({"images": len(found), "seconds": seconds}))


if __name__ == "__main__":
    main()
