#!/bin/sh
# Give the container tests a Docker engine with compose and buildx, and print how to reach it.
#
#     eval "$(tests/containers/start_engine.sh)"     # sets DOCKER_HOST when it started one
#     tests/containers/start_engine.sh --stop        # ends the engine this script started
#
# An engine that answers already is used as it is. Otherwise, on a Debian machine where this
# runs as root: docker.io from the machine's own suite, the two plugins from the next suite
# (trixie; bookworm has no compose 2), and a dockerd by hand on a socket in a temporary folder,
# $ODPIPE_ENGINE_DIR or /tmp/odpipe-engine. Images stay there, so a second run is quick.
# Everything is downloaded from the mirror that apt is set up with.
set -eu
engine=${ODPIPE_ENGINE_DIR:-${TMPDIR:-/tmp}/odpipe-engine}
socket=$engine/docker.sock
plugins=/usr/libexec/docker/cli-plugins

say() { echo "start_engine: $*" >&2; }
die() {
    echo "error: $1" >&2
    echo "hint: $2" >&2
    exit 5
}

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
running() { [ -f "$engine/dockerd.pid" ] && kill -0 "$(cat "$engine/dockerd.pid")" 2>/dev/null; }

if [ "${1-}" = --stop ]; then
    running || { say "no engine of this script runs" && exit 0; }
    kill "$(cat "$engine/dockerd.pid")"
    while running; do sleep 0.2; done
    say "stopped; its images stay in $engine"
    exit 0
fi

install_engine() {
    say "installing docker.io and debootstrap"
    apt-get update -qq >&2
    # RUNLEVEL=1: the packages' own start scripts start nothing
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends docker.io debootstrap iptables >&2
}

install_plugins() {
    say "installing the compose and buildx plugins of trixie"
    work=$(mktemp -d)
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    [ -n "$mirror" ] || die "apt knows no mirror of Debian bookworm" "install docker compose 2 and buildx by hand"
    mkdir -p "$work/lists/partial" "$work/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$work/trixie.list"
    for step in update "download docker-compose docker-buildx"; do
        # shellcheck disable=SC2086 # a verb and its arguments
        (cd "$work" && apt-get -qq -o Dir::Etc::SourceList="$work/trixie.list" -o Dir::Etc::SourceParts=- \
            -o Dir::State::Lists="$work/lists" -o Dir::Cache::Archives="$work/archives" \
            -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root $step >&2)
    done
    for package in "$work"/docker-*.deb; do dpkg -x "$package" "$work/unpacked"; done
    mkdir -p "$plugins"
    find "$work/unpacked" -type f -path '*cli-plugins/docker-*' -exec install -m 755 {} "$plugins" \;
    rm -rf "$work"
}

if ! answers; then
    if [ "$(id -u)" != 0 ]; then
        die "no Docker engine answers, and only root may start one" "start Docker, or set DOCKER_HOST"
    fi
    command -v dockerd >/dev/null && command -v debootstrap >/dev/null || install_engine
    export DOCKER_HOST="unix://$socket"
    if ! running; then
        mkdir -p "$engine"
        say "starting dockerd in $engine"
        rm -f "$engine/dockerd.pid"
        nohup dockerd --data-root "$engine/data" --exec-root "$engine/exec" --pidfile "$engine/dockerd.pid" \
            -H "unix://$socket" >"$engine/dockerd.log" 2>&1 </dev/null &
    fi
    waited=0
    until answers; do
        waited=$((waited + 1))
        [ $waited -lt 150 ] || die "dockerd did not answer within 30 s" "read $engine/dockerd.log"
        sleep 0.2
    done
fi
docker compose version >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1 || {
    [ "$(id -u)" = 0 ] || die "docker has no compose and buildx plugins" "install docker-compose-plugin and docker-buildx-plugin"
    install_plugins
}
say "engine $(docker version --format '{{.Server.Version}}'), compose $(docker compose version --short)"
[ -z "${DOCKER_HOST-}" ] || echo "export DOCKER_HOST=$DOCKER_HOST"
