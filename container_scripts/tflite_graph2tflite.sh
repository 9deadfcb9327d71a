#!/bin/sh
# Convert a run's tflite_graph.pb to TFLite.
#
#     tflite_graph2tflite.sh cats                  # or: MODEL_NAME=cats tflite_graph2tflite.sh
#
# output/cats/frozen  ->  output/cats/tflite
#
# Runs inside the toco container and with the local environment.
exec "$(dirname "$0")/convert_by_hand.sh" tflite_graph2tflite.sh tflite toco tflite_graph.pb tflite "$@"
