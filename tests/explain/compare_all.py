"""Compare several artefacts with one graph in one process of TensorFlow.

.envs/odapi/bin/python tests/explain/compare_all.py RECORDS_DIR FROZEN_DIR TRAIN_DIR FOLDER...     each has artefact/
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "container_scripts"))

import explain_tensors

records, frozen, train = sys.argv[1:4]
for folder in sys.argv[4:]:
    artefact, out = [os.path.join(folder, name) for name in ("artefact", "reference")]
    explain_tensors.compare(records, frozen, artefact, out, train)
