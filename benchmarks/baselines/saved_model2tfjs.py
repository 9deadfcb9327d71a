"""Convert an exported detector's SavedModel to TensorFlow.js as one does by hand, for benchmarks/browser.py.

    .envs/tfjs/bin/python benchmarks/baselines/saved_model2tfjs.py output/cats/frozen/saved_model FOLDER

What `tensorflowjs_converter --input_format=tf_saved_model --signature_name=serving_default` makes, with one thing
mended without which it finds nothing on WASM: casts to bool (tensorflow/tfjs#2590). FakeQuant is left as it is, which
TensorFlow.js skips.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "container_scripts"))

from tfjs import SIGNATURE, load_converter
from tfjs_build.tfjs_graph import mend_casts, write_rewritten_saved_model

source, target = sys.argv[1:]
converter = load_converter()
with tempfile.TemporaryDirectory() as mended:
    write_rewritten_saved_model(source, mended, mend_casts)
    converter.convert_tf_saved_model(
        mended, target, signature_def=SIGNATURE, saved_model_tags="serve", strip_debug_ops=True
    )
