#!/usr/bin/env bash
# Builds the fuzzers and runs each: bash tests/fuzz/run.sh [SECONDS [NAME...]], default 60 seconds,
# all of them. A line for each tells executions and findings; inputs that fail are kept in
# build/fuzz/findings. Fails when there are any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source cmake/build_functions.sh
seconds=${1:-60}
names=("${@:2}")
if ((${#names[@]} == 0)); then names=(index matrix vectors factory arguments); fi

install_packages "${build_packages[@]}" clang libclang-rt-14-dev libomp-dev
build fuzz "${names[@]/#/fuzz_}"
dir=$(build_dir fuzz)

# seeds NAME FOLDER: the golden files, or those kept for the fuzzer, each under a name of its own.
seeds() {
    local file files=()
    case $1 in
        index) files=(tests/golden/version_*/*.bqq) ;;
        matrix) files=(tests/golden/version_*/*.bqqm) ;;
        *) files=(tests/fuzz/seeds/"$1"/*) ;;
    esac
    for file in "${files[@]}"; do cp "$file" "$2/${file//\//_}"; done
}

# Memory and time of an input are limited too. FAISS leaks where it refuses what it reads.
run_fuzzer() {
    local name=$1 corpus=$dir/corpus/$1 findings=$dir/findings/$1 options=() log=$dir/fuzz_$1.log status=0
    mkdir -p "$corpus" "$findings"
    rm -f "$findings"/*
    seeds "$name" "$corpus"
    if [[ -f tests/fuzz/$name.dict ]]; then options+=("-dict=tests/fuzz/$name.dict"); fi
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 UBSAN_OPTIONS=print_stacktrace=1 \
        "$dir/tests/fuzz/fuzz_$name" "$corpus" -max_total_time="$seconds" -max_len=8192 -timeout=20 \
        -rss_limit_mb=2048 -artifact_prefix="$findings/" -print_final_stats=1 "${options[@]}" >"$log" 2>&1 || status=$?
    local executions
    executions=$(sed -nE 's/^stat::number_of_executed_units: *([0-9]+)/\1/p' "$log")
    echo "$name: ${executions:-0} executions in $seconds s, $(find "$findings" -type f | wc -l) findings"
    if ((status != 0)); then
        tail -n 30 "$log"
        return 1
    fi
}

# Two at a time.
failed=0
for ((i = 0; i < ${#names[@]}; i += 2)); do
    pids=()
    for name in "${names[@]:i:2}"; do
        run_fuzzer "$name" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
done
exit "$failed"
