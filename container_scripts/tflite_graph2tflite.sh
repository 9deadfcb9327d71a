#!/bin/sh
# Convert a run's tflite_graph.pb to TFLite.
#
#     tflite_graph2tflite.sh cats                  # or: MODEL_NAME=cats tflite_graph2tflite.sh
#
# output/cats/frozen  ->  output/cats/tflite
#
# Runs inside the toco container and with the local environment. When the stage is planned
# (make or docker compose plan it) it runs as that stage, and the pipeline knows it is done.
set -eu

usage() {
    echo "usage: tflite_graph2tflite.sh [MODEL_NAME]"
    echo
    echo "Convert output/MODEL_NAME/frozen to output/MODEL_NAME/tflite."
    echo "MODEL_NAME is the run's name, a folder of output/; it may also come from the environment."
}

fail() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit "$3"
}

case "${1:-}" in
-h | --help)
    usage
    exit 0
    ;;
-*)
    usage >&2
    fail "unknown option '$1'" "container_scripts/tflite_graph2tflite.sh --help" 2
    ;;
esac
name=${1:-${MODEL_NAME:-}}
[ -n "$name" ] || fail "no MODEL_NAME" "tflite_graph2tflite.sh cats   (or MODEL_NAME=cats tflite_graph2tflite.sh)" 2

cd "$(dirname "$0")/.."
frozen=output/$name/frozen
target=output/$name/tflite
[ -d "$frozen" ] || fail "stage tflite needs $frozen" "make export MODEL=$name" 3

# /opt/odpipe is the environment of the images; .envs holds the local ones.
python=python
if [ ! -d /opt/odpipe ] && [ -x .envs/toco/bin/python ]; then
    python=.envs/toco/bin/python
fi

if [ -f "output/$name/.jobs/tflite.json" ]; then
    exec "$python" container_scripts/run_job.py tflite --run "$name"
fi

# Written aside and renamed, so that a killed conversion leaves nothing that looks finished.
partial=output/$name/.tflite.partial
replaced=output/$name/.tflite.replaced
trap 'rm -rf "$partial"' EXIT
trap 'exit 130' INT TERM
rm -rf "$partial" "$replaced"
"$python" container_scripts/tflite.py --frozen-dir "$frozen" --tflite-dir "$partial"
if [ -e "$target" ]; then mv "$target" "$replaced"; fi
mv "$partial" "$target"
rm -rf "$replaced"
echo "$target"
