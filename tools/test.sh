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

FEW=3

scratch=$(mktemp -d) || exit 1
output=$scratch/output
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT # Ctrl-C ends both stages
failed=0
summary=()

failures() { # failures CACHE: print the tests that failed in the run with this cache
  "$PYTHON" -c 'import json, pathlib, sys
file = pathlib.Path(sys.argv[1], "v/cache/lastfailed")
print(*(json.loads(file.read_text()) if file.exists() else ()), sep="\n", end="")' "$1"
}

stage() { # stage NAME WORKERS_OPTION... -- TEST...: run pytest, keep its last line
  local name=$1 options=() status=0 before still
  shift
  while [[ $1 != -- ]]; do options+=("$1") && shift; done
  shift
  printf '\n--- %s\n' "$name"
  local cache="$scratch/$name"
  "$PYTHON" -m pytest -o cache_dir="$cache" "${options[@]}" "$@" 2>&1 | tee "$output" || status=$?
  summary+=("$name: $(tail -n 1 "$output" | tr -d =)")
  mapfile -t before < <(failures "$cache")
  # The cases of a test function, and so those of a fixture that failed, count once.
  local functions
  functions=$(printf '%s\n' "${before[@]%%[*}" | sort -u | wc -l)
  # 1: tests failed; any other status, such as a file that cannot be imported, is final.
  if [[ $status == 1 && ${#before[@]} -gt 0 && $functions -le $FEW ]]; then
    printf '\n--- %s: the failed tests once more, alone\n' "$name"
    status=0
    "$PYTHON" -m pytest -o cache_dir="$cache" --last-failed "$@" 2>&1 | tee "$output" || status=$?
    still=$(failures "$cache")
    local test
    for test in "${before[@]}"; do
      grep -qxF -- "$test" <<<"$still" || summary+=("  UNSTABLE, failed and then passed: $test")
    done
  fi
  [[ $status == 0 ]] || failed=1
}

parts_options=()
robots_options=()
if "$PYTHON" -c 'import xdist' 2>/dev/null; then
  parts_options=(-n "$WORKERS" --dist worksteal)
  # Robots mostly wait. The tests of a file share processes.
  robots_options=(-n "$((WORKERS + 1))" --dist loadfile)
fi
stage 'parts' "${parts_options[@]}" -- "${robots[@]/#/--ignore=}"
stage 'whole robots' "${robots_options[@]}" -- "${robots[@]}"

printf '\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
