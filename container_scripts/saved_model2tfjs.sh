#!/bin/sh
# Convert a run's SavedModel to TensorFlow.js.
#
#     saved_model2tfjs.sh cats                  # or: MODEL_NAME=cats saved_model2tfjs.sh
#
# output/cats/frozen  ->  output/cats/tensorflow_js
#
# Runs inside the tfjs container and with the local environment. When the stage is planned
# (make or docker compose plan it) it runs as that stage, and the pipeline knows it is done.
set -eu

usage() {
    echo "usage: saved_model2tfjs.sh [MODEL_NAME]"
    echo
    echo "Convert output/MODEL_NAME/frozen/saved_model to output/MODEL_NAME/tensorflow_js."
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
    fail "unknown option '$1'" "container_scripts/saved_model2tfjs.sh --help" 2
    ;;
esac
name=${1:-${MODEL_NAME:-}}
[ -n "$name" ] || fail "no MODEL_NAME" "saved_model2tfjs.sh cats   (or MODEL_NAME=cats saved_model2tfjs.sh)" 2

cd "$(dirname "$0")/.."
frozen=output/$name/frozen
target=output/$name/tensorflow_js
[ -d "$frozen" ] || fail "stage tfjs needs $frozen" "make export MODEL=$name" 3

# /opt/odpipe is the environment of the images; .envs holds the local ones.
python=python
if [ ! -d /opt/odpipe ] && [ -x .envs/tfjs/bin/python ]; then
    python=.envs/tfjs/bin/python
fi

if [ -f "output/$name/.jobs/tfjs.json" ]; then
    exec "$python" container_scripts/run_job.py tfjs --run "$name"
fi

# Written aside and renamed, so that a killed conversion leaves nothing that looks finished.
partial=output/$name/.tensorflow_js.partial
replaced=output/$name/.tensorflow_js.replaced
trap 'rm -rf "$partial"' EXIT
trap 'exit 130' INT TERM
rm -rf "$partial" "$replaced"
"$python" container_scripts/tfjs.py --frozen-dir "$frozen" --tfjs-dir "$partial"
if [ -e "$target" ]; then mv "$target" "$replaced"; fi
mv "$partial" "$target"
rm -rf "$replaced"
echo "$target"
