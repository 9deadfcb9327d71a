"""The TensorFlow.js graph: rewritten so that its numbers match, cut, its weights made small."""
