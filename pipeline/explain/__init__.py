"""Why an artefact detects worse than its checkpoint: the post-processing first, then its input, then layer by layer.

`odpipe explain-drop` (pipeline/commands/explain_drop.py) does it in three steps:

    pipeline/jobs/explain_artefact.py       pipeline image: a .tflite's detections in several ways, its tensors; or
    container_scripts/explain_tfjs.mjs      tfjs image: the same of a TensorFlow.js build, fast or plain; or
    container_scripts/explain_graph.py      odapi image: the same of a frozen graph or a SavedModel
    container_scripts/explain_tensors.py    odapi image: the same images through the checkpoint's graph, layer by layer
    pipeline/explain/verdict.py             what the two say together, in words
"""
