#!/usr/bin/env bash
# Builds for 64-bit ARM by Debian's cross compiler, runs the tests of kernels and files by qemu, and compares codes,
# results and matrices with those of this machine, to the bit: bash tests/aarch64.sh. For an x86 Debian; ten minutes
# on two cores. Installs missing packages of both architectures first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
dir=$(build_dir aarch64)

dpkg --print-foreign-architectures | grep -qx arm64 || as_root dpkg --add-architecture arm64
install_packages "${build_packages[@]}" crossbuild-essential-arm64 qemu-user-static libgomp1:arm64 \
    libopenblas-dev:arm64 libxxhash-dev:arm64 libhwy-dev:arm64 libgtest-dev:arm64 libgmock-dev:arm64 libfaiss-dev:arm64
build release bqq_answers
if [[ ! -f $dir/build.ninja ]]; then
    cmake --preset release -B "$dir" -D CMAKE_TOOLCHAIN_FILE="$PWD/cmake/aarch64.cmake" \
        -D BQQ_BUILD_COMMAND=OFF -D BQQ_BUILD_BENCH=OFF
fi
cmake --build "$dir" --parallel "${BQQ_JOBS:-$(nproc)}" --target bqq_tests bqq_answers

# Threads of OpenMP wait for each other too long under qemu.
export OMP_NUM_THREADS=1
qemu-aarch64-static "$dir/tests/bqq_tests" --gtest_brief=1 \
    --gtest_filter='*/NEON:*GoldenFiles*:*ScaleCodec*:*Bfloat16*:*PackedIds*:*CodeLists*'
qemu-aarch64-static "$dir/tests/bqq_answers" >"$dir/answers.txt"
"$(build_dir release)/tests/bqq_answers" | diff - "$dir/answers.txt"
echo "$(wc -l <"$dir/answers.txt") digests of codes, results and matrices: all the same"
