#!/bin/sh
# Write every lock of this folder again: requirements/*.txt from *.in, npm/package-lock.json
# from npm/package.json.
#
#     sh dockerfiles/lock_requirements.sh            # keep versions that still fit
#     sh dockerfiles/lock_requirements.sh --upgrade  # take the newest that fit
#
# Needs uv, and npm on PATH for the last one (the tfjs environment has it: .envs/tfjs/bin).
set -eu
cd "$(dirname "$0")/requirements"
uv=${UV:-uv}

lock() { # lock NAME PYTHON [OPTION...]: one file; no header, no index address, so that every machine writes the same
    name=$1 python=$2
    shift 2
    echo "lock $name.txt (Python $python)"
    "$uv" pip compile --quiet --no-header --no-emit-index-url --no-emit-find-links --generate-hashes \
        --python-version "$python" --output-file "$name.txt" "$@" "$name.in"
}

lock odapi 3.7 --override odapi.overrides "$@"
lock odapi-py36 3.6.9 --override odapi-gpu.overrides "$@"
lock odapi-py38 3.8 --override odapi-gpu.overrides "$@"
lock jupyter 3.7 --override odapi.overrides --override jupyter.overrides "$@"
lock odapi-source 3.7 --no-deps "$@"
lock toco 3.7 "$@"
lock tfjs 3.11 --override tfjs.overrides "$@"
lock pipeline 3.10 --universal --override pipeline.overrides "$@"
lock dev 3.10 --universal --override pipeline.overrides "$@"

if command -v npm >/dev/null; then
    echo "lock npm/package-lock.json"
    cd ../npm
    npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund
else
    echo "npm/package-lock.json is as it was: no npm on PATH (PATH=.envs/tfjs/bin:\$PATH has one)" >&2
fi
