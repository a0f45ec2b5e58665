# shellcheck shell=sh disable=SC2034
# Sourced by the other scripts (sh). Makes the virtual environments that they need, once.
# Each environment has a stamp, the checksum of its installed requirements; a second run only compares it.
set -eu
root=$(cd "$(dirname "$0")" && while [ ! -f pyproject.toml ]; do cd ..; done && pwd)
python="$root/.venv/bin/python"
verb=$(basename "$0")
export ORT_DISABLE_TELEMETRY=1 # ONNX Runtime's, which would ask a host of Microsoft's

fail() {
    echo "$verb: $*" >&2
    exit 1
}

base_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "no Python 3.11 to 3.13 with venv was found. On Debian and Ubuntu: sudo apt-get install python3-venv." \
        "Elsewhere: PYTHON=/path/to/python3 $0"
}

machine_architecture() { # as Lambda names it
    case $(uname -m) in aarch64 | arm64) echo arm64 ;; *) echo x86_64 ;; esac
}

checksum() { (cd "$root/requirements" && cat "$@") | sha256sum; }

is_current() { # DIR REQUIREMENTS...: whether the environment exists and has exactly these requirements
    [ -x "$root/$1/bin/python" ] && [ "$(cat "$root/$1/stamp" 2>/dev/null)" = "$(shift && checksum "$@")" ]
}

ensure() { # DIR REQUIREMENTS...
    if is_current "$@"; then return; fi
    folder=$1
    shift
    base=$(base_python)
    echo "$verb: making $folder from $*, once; about a minute" >&2
    log="$root/out/install$folder.log"
    mkdir -p "$root/out"
    rm -rf "${root:?}/$folder"
    # --no-deps: the lock files name every package. --no-compile halves the time; most modules are never imported.
    # shellcheck disable=SC2046
    if ! { "$base" -m venv "$root/$folder" && cd "$root/requirements" && "$root/$folder/bin/python" -m pip install \
        --disable-pip-version-check --no-compile --no-deps --require-hashes $(printf ' -r %s' "$@") && cd - >/dev/null; } >"$log" 2>&1
    then
        tail -n 20 "$log" >&2
        rm -rf "${root:?}/$folder"
        fail "installing failed; the full log is $log"
    fi
    checksum "$@" >"$root/$folder/stamp"
}

ensure_dev_env() { ensure .venv handler.txt monitor.txt dev.txt; }
ensure_handler_env() { # runs the function; the development environment does, too
    is_current .venv handler.txt monitor.txt dev.txt || ensure .venv handler.txt
}
ensure_sam_env() { ensure .venv-sam sam.txt; }
ensure_clients_env() { ensure .venv-clients clients.txt; }
ensure_checkov_env() { ensure .venv-checkov checkov.txt; }
