#!/usr/bin/env bash
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
#
# Usage: PYTHON=.venv/bin/python WORKERS=2 tools/test.sh
#
# All tests in two stages: first the parts, then whole robots, which judge how fast they stop. In
# each stage workers of pytest-xdist, where it is installed, run tests side by side. The second
# stage also runs when the first has failed.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python3}
WORKERS=${WORKERS:-2}
export LINT_REQUIRED=1
robots=(test/system test/clients test/faults)

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

parts_options=()
robots_options=()
if "$PYTHON" -c 'import xdist' 2>/dev/null; then
  parts_options=(-n "$WORKERS" --dist worksteal)
  # Robots mostly wait. The tests of a file share processes.
  robots_options=(-n "$((WORKERS + 1))" --dist loadfile)
fi
stage 'parts' "${parts_options[@]}" "${robots[@]/#/--ignore=}"
stage 'whole robots' "${robots_options[@]}" "${robots[@]}"

printf '\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
