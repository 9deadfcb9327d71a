#!/bin/sh
# Convert the frozen model of a run: what tflite_graph2tflite.sh and saved_model2tfjs.sh share.
#
#     convert_by_hand.sh COMMAND STAGE IMAGE SOURCE FOLDER [MODEL_NAME]
#
# When the stage is planned (make and docker compose plan it) it runs as that stage, and the pipeline
# knows that it is done.
set -eu
command=$1 stage=$2 image=$3 source=$4 folder=$5
shift 5

usage() {
    echo "usage: $command [MODEL_NAME]"
    echo
    echo "Convert $source of output/MODEL_NAME/frozen to output/MODEL_NAME/$folder."
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
    fail "unknown option '$1'" "container_scripts/$command --help" 2
    ;;
esac
name=${1:-${MODEL_NAME:-}}
[ -n "$name" ] || fail "no MODEL_NAME" "$command cats   (or MODEL_NAME=cats $command)" 2

cd "$(dirname "$0")/.."
frozen=output/$name/frozen
target=output/$name/$folder
[ -d "$frozen" ] || fail "stage $stage needs $frozen" "make export MODEL=$name" 3

# /opt/odpipe is the environment of the images; .envs holds the local ones.
python=python
if [ ! -d /opt/odpipe ] && [ -x ".envs/$image/bin/python" ]; then
    python=.envs/$image/bin/python
fi

if [ -f "output/$name/.jobs/$stage.json" ]; then
    exec "$python" container_scripts/run_job.py "$stage" --run "$name"
fi

# Written aside and renamed, so that a killed conversion leaves nothing that looks finished.
partial=output/$name/.$folder.partial
replaced=output/$name/.$folder.replaced
trap 'rm -rf "$partial"' EXIT
trap 'exit 130' INT TERM
rm -rf "$partial" "$replaced"
set --
# A model without trained quantization becomes int8 by what its training images make of it
[ "$stage" != tflite ] || set -- --records-dir "input/tf_records/$name"
"$python" "container_scripts/$stage.py" --frozen-dir "$frozen" "--$stage-dir" "$partial" "$@"
if [ -e "$target" ]; then mv "$target" "$replaced"; fi
mv "$partial" "$target"
rm -rf "$replaced"
echo "$target"
