#!/usr/bin/env bash
# Builds the library and runs all its tests: bash tests/run.sh [PRESET], default release.
# Installs missing Debian packages first. The last line is "N passed, N failed".
# The environment variables are described in cmake/build_functions.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
preset=${1:-release}

install_packages "${build_packages[@]}" "${test_packages[@]}"
build "$preset"
status=0
run_tests "$preset" || status=$?
echo "$tests_passed passed, $tests_failed failed"
exit "$status"
