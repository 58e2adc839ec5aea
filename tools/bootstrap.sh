#!/usr/bin/env bash
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
#
# Usage: VENV=.venv PYTHON= tools/bootstrap.sh SET...
#
# Makes the virtual environment $VENV and installs the named sets of requirements/ into it: test,
# lint, colcon. `run` and, where no ROS 2 is sourced, `pypi` come with every set. Does nothing, at
# once, when that was done before and nothing it depends on has changed.
#
# - A sourced ROS 2 is used (--system-site-packages); only what it lacks is installed.
# - Otherwise rclpy comes from PyPI, which has it for Linux on x86_64.
# - An environment that this script did not make is used as it is: nothing is installed there.
# - Interrupted, it starts over next time: the stamp is the last thing written.
set -euo pipefail

cd "$(dirname "$0")/.."
VENV=${VENV:-.venv}
PYTHON=${PYTHON:-}
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE

say() { echo "[bootstrap] $*"; }
die() {
  echo "[bootstrap] $*" >&2
  exit 1
}

has() { "$1" -c "import $2" 2>/dev/null; }

# On what the environment itself depends: if this changes, it is made anew.
base_key() { echo "$PYTHON|${ROS_DISTRO:-}|${AMENT_PREFIX_PATH:-}|$(sha256sum <tools/bootstrap.sh)"; }

# On what one set depends besides.
set_key() { echo "$(base_key)|$(cat requirements/{run,ros,pypi,constraints,"$1"}.txt | sha256sum)"; }

stamp_holds() { [[ -f $1 && $(<"$1") == "$2" ]]; }

suitable() { # Can this interpreter carry us? With a sourced ROS 2: whichever ROS is built for.
  local newest=13
  [[ $mode == ros ]] && newest=99
  "$1" -c "import sys; sys.exit(not ((3, 10) <= sys.version_info[:2] <= (3, $newest)))" 2>/dev/null
}

choose_python() {
  local candidate
  if [[ -n $PYTHON ]]; then
    command -v "$PYTHON" >/dev/null || die "PYTHON=$PYTHON: there is no such program"
    suitable "$PYTHON" || die "PYTHON=$PYTHON is $("$PYTHON" -V 2>&1); needed: Python 3.10 to 3.13"
    python=$PYTHON
    return
  fi
  for candidate in python3 python3.12 python3.11 python3.13 python3.10; do
    if command -v "$candidate" >/dev/null && suitable "$candidate"; then
      python=$candidate
      return
    fi
  done
  die "no Python between 3.10 and 3.13 found (python3 is $(python3 -V 2>&1 || echo missing));" \
    "install one, or name it: make PYTHON=/path/to/python3.12"
}

make_environment() {
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$python cannot make virtual environments here. On Debian and Ubuntu: apt install python3-venv"
  if [[ $mode == ros ]]; then
    say "creating $VENV on top of the sourced ROS 2 ${ROS_DISTRO:-}, less than a minute, once"
    "$python" -m venv --clear --system-site-packages "$VENV"
  else
    if [[ $(uname -sm) != 'Linux x86_64' ]]; then
      die "no ROS 2 is sourced, and rclpy on PyPI is for Linux on x86_64 only (this is $(uname -sm))." \
        "Install ROS 2, source its setup.bash, and try again"
    fi
    say "creating $VENV with rclpy from PyPI ($("$python" -V)), about a minute, once"
    "$python" -m venv --clear "$VENV"
  fi
  base_key >"$VENV/.bootstrap"
}

install_set() {
  local log="$VENV/bootstrap-$1.log" arguments=(-r requirements/run.txt -r "requirements/$1.txt")
  # Constraints are versions tested together. A sourced ROS 2 brings versions of its own.
  if [[ $mode == pypi ]]; then
    arguments+=(-r requirements/pypi.txt -c requirements/constraints.txt)
  fi
  [[ -z $fresh ]] && say "installing requirements/$1.txt into $VENV"
  if ! "$VENV/bin/python" -m pip install --disable-pip-version-check "${arguments[@]}" >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    die "pip failed; its output is in $log"
  fi
  has "$VENV/bin/python" 'rclpy, geometry_msgs.msg, grpc, google.protobuf' ||
    die "$VENV was made, but cannot import rclpy, its messages, grpc and protobuf: $(
      "$VENV/bin/python" -c 'import rclpy, geometry_msgs.msg, grpc, google.protobuf' 2>&1 | tail -n 1)"
  set_key "$1" >"$VENV/.bootstrap-$1"
}

# One of ours that was never finished has a lock file beside it, a stranger has none.
if [[ -x $VENV/bin/python && ! -f $VENV/.bootstrap && ! -f $VENV.lock ]]; then
  has "$VENV/bin/python" 'rclpy, geometry_msgs.msg, grpc, pytest, viam' ||
    die "VENV=$VENV was not made by this script and lacks rclpy, grpc, pytest or viam-sdk"
  exit 0
fi

# Two makes at the same time: the second waits, then finds everything done.
exec 9>"$VENV.lock"
if command -v flock >/dev/null && ! flock --nonblock 9; then
  say "waiting for another bootstrap of $VENV"
  flock 9
fi

missing=()
if stamp_holds "$VENV/.bootstrap" "$(base_key)" && "$VENV/bin/python" -c '' 2>/dev/null; then
  for name in "$@"; do
    stamp_holds "$VENV/.bootstrap-$name" "$(set_key "$name")" || missing+=("$name")
  done
  [[ ${#missing[@]} -gt 0 ]] || exit 0
else
  missing=("$@")
fi

# Only now look at the machine: importing rclpy to see whether it is there takes a while. A
# virtual environment does not count; one made on top of it would not see its packages.
mode=pypi
if "${PYTHON:-python3}" -c 'import os, sys, rclpy, geometry_msgs
sys.exit(sys.prefix != sys.base_prefix and rclpy.__file__.startswith(sys.prefix + os.sep))' 2>/dev/null; then
  mode=ros
fi

fresh=
started=$SECONDS
if ! stamp_holds "$VENV/.bootstrap" "$(base_key)" || ! "$VENV/bin/python" -c '' 2>/dev/null; then
  choose_python
  make_environment
  fresh=yes
fi
for name in "${missing[@]}"; do
  install_set "$name"
done
say "$VENV is ready ($((SECONDS - started)) s)"
