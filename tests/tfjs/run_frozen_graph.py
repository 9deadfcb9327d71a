"""Run a frozen graph over test records in TensorFlow: the reference that TF.js is compared with.

    .envs/tfjs/bin/python tests/tfjs/run_frozen_graph.py FROZEN_DIR RECORDS_DIR [--rewritten] > reference.jsonl

With --rewritten, run it as tfjs_graph.py rewrites it, so that only TF.js itself can make a difference.
"""

import json
import pathlib
import sys

import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "container_scripts"))
from tfjs_build.tfjs_graph import rewrite_graph

tf1 = tf.compat.v1
OUTPUTS = ["detection_boxes:0", "detection_scores:0", "detection_classes:0", "num_detections:0"]

frozen_dir, records_dir = map(pathlib.Path, sys.argv[1:3])
graph_def = tf1.GraphDef.FromString((frozen_dir / "frozen_inference_graph.pb").read_bytes())
if "--rewritten" in sys.argv:
    rewrite_graph(graph_def)

with tf1.Graph().as_default(), tf1.Session() as session:
    tf1.import_graph_def(graph_def, name="")
    encoded = tf1.placeholder(tf.string)
    # The accurate transform, as libjpeg's default and so everybody else's; TensorFlow's default is the fast one.
    pixels = tf1.image.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")[None]
    for shard in sorted(records_dir.glob("test.record-*")):
        for record in tf1.io.tf_record_iterator(str(shard)):
            feature = tf.train.Example.FromString(record).features.feature
            image = session.run(pixels, {encoded: feature["image/encoded"].bytes_list.value[0]})
            boxes, scores, classes, (count,) = session.run(OUTPUTS, {"image_tensor:0": image})
            print(
                json.dumps(
                    {
                        "source_id": feature["image/source_id"].bytes_list.value[0].decode(),
                        "filename": feature["image/filename"].bytes_list.value[0].decode(),
                        "width": image.shape[2],
                        "height": image.shape[1],
                        "detections": [
                            [int(classes[0, place]), float(scores[0, place]), *map(float, boxes[0, place])]
                            for place in range(int(count))
                        ],
                    }
                )
            )
