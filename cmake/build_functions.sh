# Shell functions that tests/run.sh, bench/run.sh and .ci/run share. Source it from the top folder.
#
# Variables of the environment:
#   BQQ_BUILD_DIR      build folder, instead of build/<preset>
#   BQQ_JOBS           compilations at a time, default: one for each core
#   CMAKE_PREFIX_PATH  where another FAISS than the system's is installed (give each its own BQQ_BUILD_DIR)

build_packages=(cmake ninja-build g++ libfaiss-dev libhwy-dev libeigen3-dev libopenblas-dev libcli11-dev
    nlohmann-json3-dev libxxhash-dev libhdf5-dev libzip-dev libgtest-dev libgmock-dev libbenchmark-dev libjpeg-dev
    python3-dev pybind11-dev)

# What the tests need beside.
test_packages=(python3-numpy python3-pytest python3-sklearn python3-faiss mypy)
# The Python that these are for, where there is another one on the path.
python=/usr/bin/python3

# as_root COMMAND...
as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# install_packages NAME...: installs those Debian packages that are missing.
install_packages() {
    local package missing=()
    if ! command -v dpkg-query >/dev/null; then
        echo "not a Debian system: these packages are expected to be there: $*" >&2
        return 0
    fi
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then return 0; fi
    echo "installing ${missing[*]}"
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        "${missing[@]}" >/dev/null
}

# build_dir PRESET: prints the build folder.
build_dir() {
    echo "${BQQ_BUILD_DIR:-build/$1}"
}

# configure PRESET: once for each build folder; afterwards ninja notices what changed. Several sources are compiled as
# one: the command's include headers that take longer to compile than the command.
configure() {
    local dir
    dir=$(build_dir "$1")
    local options=()
    # Not for a sanitizer, which would have to be loaded before Python.
    if [[ $1 == release && -x $python ]]; then options=(-D BQQ_BUILD_PYTHON=ON "-DPython_EXECUTABLE=$python"); fi
    if [[ ! -f $dir/build.ninja ]]; then cmake --preset "$1" -B "$dir" -D CMAKE_UNITY_BUILD=ON "${options[@]}"; fi
}

# build PRESET [TARGET...]
build() {
    local preset=$1 dir
    shift
    dir=$(build_dir "$preset")
    configure "$preset" &&
        cmake --build "$dir" --parallel "${BQQ_JOBS:-$(nproc)}" ${1:+--target "$@"}
}

# run_tests PRESET: runs ctest, sets tests_passed and tests_failed, fails when a test does.
run_tests() {
    local dir log status=0 total skipped=0 results tests failures
    dir=$(build_dir "$1")
    log=$dir/ctest.log
    rm -rf "$dir/test_results"
    ctest --test-dir "$dir" --output-on-failure --no-tests=error --parallel 2 | tee "$log" || status=$?
    # "97% tests passed, 3 tests failed out of 100"
    read -r tests_failed total < <(
        sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+)$/\1 \2/p' "$log"
    ) || { tests_failed=1 total=1; }
    tests_passed=$((total - tests_failed))
    # A program of many tests is one for ctest; a program that crashed leaves no results and stays one.
    for results in "$dir"/test_results/*.xml; do
        read -r tests failures < <(
            sed -nE 's/^<testsuites tests="([0-9]+)" failures="([0-9]+)".*/\1 \2/p' "$results"
        ) || continue
        if ((failures == 0)); then tests_passed=$((tests_passed - 1)); else tests_failed=$((tests_failed - 1)); fi
        skipped=$(grep -c 'result="skipped"' "$results" || true)
        if ((skipped > 0)); then echo "$(basename "$results" .xml): $skipped skipped"; fi
        tests_failed=$((tests_failed + failures))
        tests_passed=$((tests_passed + tests - failures - skipped))
    done
    return "$status"
}
