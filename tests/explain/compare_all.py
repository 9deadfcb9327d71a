"""Compare several .tflite files with one graph in one process of TensorFlow.

.envs/odapi/bin/python tests/explain/compare_all.py RECORDS_DIR FROZEN_DIR FOLDER...    each with artefact/ in it
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "container_scripts"))

import explain_tensors

for folder in sys.argv[3:]:
    explain_tensors.compare(
        sys.argv[1], sys.argv[2], os.path.join(folder, "artefact"), os.path.join(folder, "reference")
    )
