#!/usr/bin/env bash
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
#
# Usage: VENV=.venv tools/colcon.sh build|test|result WORKSPACE
#
# Builds and tests the package in a colcon workspace, WORKSPACE/src. colcon and its scripts run in
# the environment $VENV, which has colcon (tools/bootstrap.sh colcon).
set -uo pipefail

VENV=$(realpath "${VENV:-.venv}") && cd "${2:?Usage: tools/colcon.sh build|test|result WORKSPACE}" || exit 1

colcon() { PATH="$VENV/bin:$PATH" "$VENV/bin/python" -m colcon "$@"; }

build() {
  colcon build --event-handlers console_direct+ || return 1
  local program prefix=$PWD/install/viam_session_bridge
  for program in bridge guard demo sim_base; do
    if [[ ! -x $prefix/lib/viam_session_bridge/$program ]]; then
      echo "ros2 run would not find $program"
      return 1
    fi
  done
  local file
  for file in package.xml launch/bridge.launch.py config/base.yaml; do
    if [[ ! -f $prefix/share/viam_session_bridge/$file ]]; then
      echo "not installed: share/viam_session_bridge/$file"
      return 1
    fi
  done
}

# Only what an installation or ament can change; `make test` ran everything from the checkout.
run_tests() {
  local name tests=()
  for name in launch package plugins dds copyright flake8 pep257 xmllint; do
    tests+=(" test/test_$name.py")
  done
  colcon test --event-handlers console_direct+ --return-code-on-test-failure \
    --pytest-args "${tests[@]}"
}

# A result without a single test is a failure, too.
result() {
  local output status=0
  output=$(colcon test-result --verbose) || status=$?
  echo "$output"
  [[ $status == 0 && $output =~ Summary:\ [1-9] ]]
}

case ${1:-} in
  build) build ;;
  test) run_tests ;;
  result) result ;;
  *)
    echo "there is no step '${1:-}': build, test or result" >&2
    exit 2
    ;;
esac
