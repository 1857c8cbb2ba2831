#!/usr/bin/env bash
# Creates .souk/venv and installs the requirement files named, only when they changed since the last time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=.souk/venv
last="${*: -1}"
stamp="$venv/.installed-$last"

fail() {
    echo "$*" >&2
    exit 1
}

is_new_enough() {
    "$@" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${SOUK_PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if is_new_enough "$name"; then
            echo "$name"
            return
        fi
    done
    fail "Souk needs Python 3.11 or newer and found none: install it (Debian: apt-get install python3.11 python3.11-venv), or name it in SOUK_PYTHON."
}

create_venv() {
    local python version
    python=$(find_python)
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        fail "Python $version cannot create virtual environments: install python$version-venv (Debian: apt-get install python$version-venv)."
    echo "Creating a virtual environment with Python $version"
    rm -rf "$venv"
    "$python" -m venv "$venv" || fail "The virtual environment could not be created in $venv: see the message above."
}

# One at a time: two of us in the same checkout would spoil each other's installation.
mkdir -p .souk 2>/dev/null || fail ".souk cannot be created in $PWD: make the folder writable."
if command -v flock >/dev/null; then
    exec 9>.souk/install.lock
    flock 9
fi

wanted=$(cat "$@" | cksum)
if is_new_enough "$venv/bin/python" && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
has_pip() {
    is_new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}
has_pip || create_venv
echo "Installing $last"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$last" ||
    fail "Installing $last failed: see the message above, check the network, and run the command again."
echo "$wanted" >"$stamp"
cksum <"$1" >"$venv/.installed-$1" # what is needed to run is also installed now
