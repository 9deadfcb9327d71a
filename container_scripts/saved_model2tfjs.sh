#!/bin/sh
# Convert a run's SavedModel to TensorFlow.js.
#
#     saved_model2tfjs.sh cats                  # or: MODEL_NAME=cats saved_model2tfjs.sh
#
# output/cats/frozen  ->  output/cats/tensorflow_js
#
# Runs inside the tfjs container and with the local environment.
exec "$(dirname "$0")/convert_by_hand.sh" saved_model2tfjs.sh tfjs tfjs saved_model/ tensorflow_js "$@"
