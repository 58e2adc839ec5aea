#!/usr/bin/env bash
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
#
# Usage: PYTHON=.venv/bin/python tools/test.sh [-n 2 --dist worksteal]
#
# All tests in two stages: side by side (with these options of pytest-xdist) what may share the
# machine, then one after another what starts whole robots and judges how fast they stop. The
# second stage also runs when the first has failed.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
export LINT_REQUIRED=1
serial=(test/system test/clients test/faults)

output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
trap 'exit 130' INT # Ctrl-C ends both stages
failed=0
summary=()

stage() { # stage NAME ARGUMENT...: run pytest, keep its last line
  local name=$1
  shift
  printf '\n--- %s\n' "$name"
  "$PYTHON" -m pytest "$@" 2>&1 | tee "$output" || failed=1
  summary+=("$name: $(tail -n 1 "$output" | tr -d =)")
}

stage 'side by side' "$@" "${serial[@]/#/--ignore=}"
stage 'one after another' "${serial[@]}"

printf '\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
