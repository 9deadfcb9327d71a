#!/bin/sh
# Install Chromium for the tests in a real browser, from the distribution; does nothing where there is one.
#
#     sudo tests/browser/install_chromium.sh
set -eu
for name in chromium chromium-browser chromium-headless-shell google-chrome; do
    if command -v "$name" >/dev/null; then
        echo "$name is there: $("$name" --version 2>/dev/null)"
        exit
    fi
done
command -v apt-get >/dev/null || {
    echo "error: no Chromium on PATH, and no apt-get to install it with" >&2
    echo "hint: install Chromium or Chrome, or name one with ODPIPE_CHROMIUM=path" >&2
    exit 5
}
apt-get update
apt-get install --yes --no-install-recommends chromium
