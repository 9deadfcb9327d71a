#!/bin/sh
# Have the base images of the Dockerfiles: pulled, or stand-ins where no image registry can be reached.
#
#     tests/containers/make_base_images.sh           # python:3.7-slim-bookworm, python:3.11-slim-bookworm
#
# A stand-in is Debian bookworm (debootstrap, from the mirror that apt is set up with) and one of
# pyenv's interpreters in /usr/local, under the very name that the Dockerfile asks for. An image
# that is already there, pulled or made, is left alone. Needs root, an engine (start_engine.sh) and
# pyenv's CPython 3.7 and 3.11; the Debian tree is kept in $ODPIPE_ENGINE_DIR or /tmp/odpipe-engine.
set -eu
engine=${ODPIPE_ENGINE_DIR:-${TMPDIR:-/tmp}/odpipe-engine}
pyenv=${PYENV_ROOT:-$HOME/.pyenv}
debian=$engine/bookworm

say() { echo "make_base_images: $*" >&2; }
die() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 5
}

make_debian() {
    [ "$(id -u)" = 0 ] || die "debootstrap needs root" "docker pull python:3.7-slim-bookworm python:3.11-slim-bookworm"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror of Debian bookworm" "docker pull python:3.7-slim-bookworm python:3.11-slim-bookworm"
    say "debootstrap bookworm"
    rm -rf "$debian.new"
    mkdir -p "$debian.new"
    # What python:*-slim has, and the libraries its interpreter links to
    debootstrap --variant=minbase \
        --include=ca-certificates,netbase,tzdata,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,libreadline8,libncursesw6,libexpat1,zlib1g \
        bookworm "$debian.new" "$mirror" >"$engine/debootstrap.log" 2>&1 ||
        die "debootstrap failed: $(tail -n 1 "$engine/debootstrap.log")" "read $engine/debootstrap.log"
    # As in Docker's own images: neither package lists nor archives nor manuals
    rm -rf "$debian.new"/var/lib/apt/lists/* "$debian.new"/var/cache/apt/* "$debian.new"/usr/share/doc/* \
        "$debian.new"/usr/share/man/* "$debian.new"/usr/share/locale/*
    mv "$debian.new" "$debian"
}

make_image() { # make_image 3.7
    image=python:$1-slim-bookworm
    if docker image inspect "$image" >/dev/null 2>&1; then
        say "$image is there"
        return
    fi
    if timeout 600 docker pull --quiet "$image" >/dev/null 2>"$engine/pull.log"; then
        return
    fi
    say "no registry: $(tail -n 1 "$engine/pull.log")"
    python=$(find "$pyenv/versions" -maxdepth 1 -name "$1.*" | sort -V | tail -n 1)
    [ -n "$python" ] || die "pyenv has no CPython $1" "pyenv install $1"
    [ -d "$debian" ] || make_debian
    say "$image from $(basename "$python")"
    tree=$(mktemp -d "$engine/tree.XXXXXX")
    cp -a "$debian/." "$tree/"
    # Into /usr/local, where Docker's own images have it: an environment made from it looks there. The
    # tests of the standard library and its static library are a third of it
    (cd "$python" && tar c --exclude='*/test' --exclude='*/tests' --exclude='*.a' --exclude=__pycache__ \
        --exclude='lib/python*/site-packages' .) | tar x -C "$tree/usr/local"
    # Only pip and setuptools of whatever this machine's owner installed into it
    packages=lib/python$1/site-packages
    mkdir -p "$tree/usr/local/$packages"
    for name in pip setuptools wheel pkg_resources _distutils_hack distutils-precedence.pth; do
        find "$python/$packages" -maxdepth 1 \( -name "$name" -o -name "$name-*info" \) -exec cp -a {} "$tree/usr/local/$packages/" \;
    done
    find "$tree/usr/local/bin" -type f ! -name 'python*' ! -name 'pip*' -delete
    find "$tree/usr/local/bin" -xtype l -delete
    grep -lI "^#!.*$python" "$tree/usr/local/bin"/* | while read -r script; do
        sed -i "1s|^#!.*|#!/usr/local/bin/python$1|" "$script"
    done
    ln -sf "python$1" "$tree/usr/local/bin/python"
    ln -sf "python$1" "$tree/usr/local/bin/python3"
    chroot "$tree" ldconfig
    chroot "$tree" /usr/local/bin/python -c 'import bz2, ctypes, lzma, sqlite3, ssl, sys, zlib; sys.exit(sys.prefix != "/usr/local")' ||
        die "the interpreter of $image does not run on Debian bookworm" "pyenv install $1"
    tar c -C "$tree" . | docker import --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' - "$image" >/dev/null
    rm -rf "$tree"
}

docker version >/dev/null 2>&1 || die "no Docker engine answers" 'eval "$(tests/containers/start_engine.sh)"'
mkdir -p "$engine"
make_image 3.7
make_image 3.11
