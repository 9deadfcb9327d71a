"""Say what an image (or local environment) holds, and fail if it is not fit for its jobs.

    docker run --rm odapi                                       # the image's default command
    .envs/toco/bin/python dockerfiles/self_check.py toco        # a local environment

Prints one JSON object on stdout and exits 0, or 5 with every problem named in it:

    {"image": "toco", "fit": true, "python": "3.7.16", "versions": {"tensorflow": "1.15.5", ...}, "problems": []}

Each check does a small piece of the real work: a version that imports may still not run.
Python 3.6 to 3.13; the standard library and the image's own packages.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import types

EXIT_UNFIT = 5
CRC32C_OF_DIGITS = 0xE3069283  # the check value of CRC-32C

NODE_CHECK = """
const load = require('node:module').createRequire(process.execPath);
const tf = load('@tensorflow/tfjs-core');
const { version_converter } = load('@tensorflow/tfjs-converter');
load('@tensorflow/tfjs-backend-wasm');
load('@tensorflow/tfjs-backend-cpu');
// The page's, which only a browser can run
for (const name of ['webgl', 'webgpu']) {
  load.resolve(`@tensorflow/tfjs-backend-${name}/dist/tf-backend-${name}.es2017.min.js`);
}
(async () => {
  for (const decoder of ['@jsquash/jpeg/decode.js', '@jsquash/png/decode.js']) await import(load.resolve(decoder));
  await tf.setBackend('wasm');
  const [four] = await tf.square(tf.tensor1d([2])).data();
  if (tf.getBackend() !== 'wasm' || four !== 4) throw new Error(`2 * 2 = ${four} on ${tf.getBackend()}`);
  const { node } = process.versions;
  console.log(JSON.stringify({ node, 'tfjs-core': tf.version_core, 'tfjs-converter': version_converter }));
})();
"""

TINY_SSD = """
ssd {
  num_classes: 1
  image_resizer { fixed_shape_resizer { height: 96 width: 96 } }
  feature_extractor {
    type: "ssd_mobilenet_v2" depth_multiplier: 0.1 min_depth: 8
    conv_hyperparams {
      regularizer { l2_regularizer { weight: 0.00004 } }
      initializer { truncated_normal_initializer { stddev: 0.03 } }
      batch_norm { decay: 0.97 epsilon: 0.001 }
    }
    override_base_feature_extractor_hyperparams: true
  }
  box_coder { faster_rcnn_box_coder {} }
  matcher { argmax_matcher {} }
  similarity_calculator { iou_similarity {} }
  box_predictor {
    convolutional_box_predictor {
      conv_hyperparams {
        regularizer { l2_regularizer { weight: 0.00004 } }
        initializer { truncated_normal_initializer { stddev: 0.03 } }
      }
    }
  }
  anchor_generator { ssd_anchor_generator { num_layers: 6 } }
  loss {
    classification_loss { weighted_sigmoid {} }
    localization_loss { weighted_smooth_l1 {} }
  }
  post_processing { batch_non_max_suppression {} score_converter: SIGMOID }
}
"""


def versions_of(*names):
    """Import every module and return {name: version}; raise what the import raises."""
    found = {}
    for name in names:
        module = importlib.import_module(name)
        if getattr(module, "__file__", None) is None:  # Python imports any empty folder as a namespace
            raise ImportError(f"{name} is an empty folder")
        found[name] = str(getattr(module, "__version__", "no version"))
    return found


def check_tensorflow_1():
    """Import TensorFlow and refuse any but 1.15."""
    found = versions_of("tensorflow", "numpy", "google.protobuf")
    if not found["tensorflow"].startswith("1.15."):
        raise RuntimeError("TensorFlow is {}, not 1.15".format(found["tensorflow"]))
    return found


def check_object_detection():
    """Build a tiny SSD with the Object Detection API and put the quantization rewriter over it."""
    import pycocotools.mask  # noqa: F401 (compiled: fails against the wrong numpy)
    import tensorflow as tf
    from google.protobuf import text_format
    from object_detection.builders import model_builder
    from object_detection.protos import model_pb2
    from tensorflow.contrib import quantize

    config = text_format.Parse(TINY_SSD, model_pb2.DetectionModel())
    with tf.Graph().as_default() as graph:
        model = model_builder.build(config, is_training=True)
        images, shapes = model.preprocess(tf.zeros([1, 96, 96, 3]))
        model.predict(images, shapes)
        quantize.create_training_graph(input_graph=graph)
        fake_quants = sum(op.type == "FakeQuantWithMinMaxVars" for op in graph.get_operations())
    if fake_quants == 0:
        raise RuntimeError("the quantization rewriter changed nothing in an SSD MobileNet V2")
    return versions_of("cv2", "pandas", "PIL", "scipy", "tensorboard")


def check_gpu():
    """List the GPUs that TensorFlow sees; none is no problem."""
    from tensorflow.python.client import device_lib

    gpus = [device.physical_device_desc for device in device_lib.list_local_devices() if device.device_type == "GPU"]
    return {"gpus": gpus}


def check_notebook():
    """Let a kernel of the notebook server multiply two numbers."""
    from jupyter_client.manager import run_kernel

    said = []
    with run_kernel() as client:
        client.execute_interactive("print(6 * 7)", timeout=60, output_hook=said.append)
    texts = [message["content"].get("text") for message in said]
    if "42\n" not in texts:
        raise RuntimeError(f"the kernel answers {texts} to print(6 * 7)")
    return versions_of("notebook", "ipykernel", "nbconvert", "matplotlib")


def check_toco():
    """Convert a graph of one operator to TFLite with TensorFlow 1.15's own converter."""
    import tensorflow as tf

    if shutil.which("toco_from_protos") is None:
        raise RuntimeError("toco_from_protos is not on PATH ({})".format(os.environ.get("PATH")))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        number = tf.compat.v1.placeholder(tf.float32, [1, 4])
        flatbuffer = tf.compat.v1.lite.TFLiteConverter.from_session(session, [number], [number * 2.0]).convert()
    if flatbuffer[4:8] != b"TFL3":
        raise RuntimeError(f"the converter wrote {len(flatbuffer)} bytes that are no TFLite file")
    return {}


def check_tensorflowjs():
    """Import the converter of graphs, with empty modules for what graphs do not need."""
    for name in ("tensorflow_decision_forests", "jax", "jax.experimental", "jax.experimental.jax2tf"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["jax"].experimental = sys.modules["jax.experimental"]
    sys.modules["jax.experimental"].jax2tf = sys.modules["jax.experimental.jax2tf"]
    from tensorflowjs.converters import tf_saved_model_conversion_v2 as converter

    if not callable(converter.convert_tf_saved_model):
        raise RuntimeError("tensorflowjs has no convert_tf_saved_model")
    return versions_of("tensorflowjs", "tensorflow", "numpy")


def check_node():
    """Square a number with TensorFlow.js under WASM in the environment's own Node.js."""
    node = os.path.join(os.path.dirname(sys.executable), "node")
    done = subprocess.run([node, "-e", NODE_CHECK], stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: UP022 (3.6)
    if done.returncode != 0:
        raise RuntimeError("node: " + done.stderr.decode("utf-8", "replace").strip()[-2000:])
    return json.loads(done.stdout.decode("utf-8"))


def check_pipeline():
    """Import what the jobs without TensorFlow use, and compute a checksum as records do."""
    import google_crc32c

    importlib.import_module("ai_edge_litert.interpreter")
    if google_crc32c.value(b"123456789") != CRC32C_OF_DIGITS:
        raise RuntimeError("google_crc32c computes a wrong checksum")
    return versions_of("ai_edge_litert", "docker", "hotcoco", "numpy", "PIL", "pydantic", "typer", "yaml")


CHECKS = {
    "jupyter": (check_tensorflow_1, check_object_detection, check_notebook),
    "odapi": (check_tensorflow_1, check_object_detection, check_gpu),
    "pipeline": (check_pipeline,),
    "tfjs": (check_tensorflowjs, check_node),
    "toco": (check_tensorflow_1, check_toco),
}


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        known = ", ".join(sorted(CHECKS))
        sys.stderr.write(f"error: self_check.py takes the name of an image; known: {known}\n")
        return 2
    versions, problems = {}, []
    for check in CHECKS[arguments[0]]:
        try:
            versions.update(check())
        # What can go wrong inside somebody's package is not foreseeable; each problem is reported
        except Exception as error:
            problems.append(f"{check.__name__}: {type(error).__name__}: {error}")
    report = {
        "image": arguments[0],
        "fit": not problems,
        "python": sys.version.split()[0],
        "versions": versions,
        "problems": problems,
    }
    print(json.dumps(report, indent=2, sort_keys=True))
    return EXIT_UNFIT if problems else 0


if __name__ == "__main__":
    # Before TensorFlow and matplotlib look at them
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.exit(main(sys.argv[1:]))
