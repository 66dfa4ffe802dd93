#!/usr/bin/env bash
# Install Debian's Chromium for tests/browser, if it is missing and may be installed.
#   tools/install_browser.sh              exit with 1 if there is no Chromium in the end
#   tools/install_browser.sh --optional   exit with 0 all the same, and say that the tests will be skipped
set -u

give_up() {
    echo "$1"
    if [ "${optional}" = yes ]; then
        echo "browser tests will be skipped"
        exit 0
    fi
    exit 1
}

optional=no
case "${1:-}" in
    --optional) optional=yes ;;
    "") ;;
    *) echo "unknown option $1; the only one is --optional" >&2; exit 2 ;;
esac

if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
    exit 0
fi
command -v apt-get >/dev/null || give_up "Chromium is missing and this system has no apt-get: install Chromium by hand."

if [ "$(id -u)" = 0 ]; then
    as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
else
    give_up "Chromium is missing and only root may install it: apt-get install chromium"
fi

log="$(mktemp)"
trap 'rm -f "${log}"' EXIT
export DEBIAN_FRONTEND=noninteractive
if "${as_root[@]}" apt-get update -qq >"${log}" 2>&1 \
        && "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium >>"${log}" 2>&1 \
        && command -v chromium >/dev/null; then
    echo "Chromium is installed."
else
    tail -n 5 "${log}"
    give_up "apt-get could not install Chromium."
fi
