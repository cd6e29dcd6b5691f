#!/usr/bin/env bash
# Debian packages of the library (libbqq0.1, libbqq-dev), the command (bqq) and the Python module (python3-bqq), for the
# Debian that this runs on: bash packaging/debian.sh [--check]. They are written to build/packages.
# --check: lintian has nothing to say, and in a bare Debian (build/packages/root, made by debootstrap, as root) each of
# them is installed alone and used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
dir=build/packages

install_packages "${build_packages[@]}" dpkg-dev help2man gzip file
# Debian's hardening; its own FAISS has only a generic build.
export DEB_BUILD_MAINT_OPTIONS=hardening=+all
flags="$(dpkg-buildflags --get CPPFLAGS) -fstack-protector-strong -Wformat -Werror=format-security"
linker=$(dpkg-buildflags --get LDFLAGS)
cmake --preset release -B "$dir" -D CMAKE_INSTALL_PREFIX=/usr -D BQQ_BUILD_SHARED=ON -D BQQ_BUILD_PYTHON=ON \
    "-DPython_EXECUTABLE=$python" -D BQQ_BUILD_TESTS=OFF -D BQQ_BUILD_BENCH=OFF -D BQQ_FAISS_TARGET=faiss \
    -D CMAKE_UNITY_BUILD=ON "-DCMAKE_CXX_FLAGS=$flags" "-DCMAKE_EXE_LINKER_FLAGS=$linker" \
    "-DCMAKE_SHARED_LINKER_FLAGS=$linker" "-DCMAKE_MODULE_LINKER_FLAGS=$linker" >/dev/null
cmake --build "$dir" --parallel "${BQQ_JOBS:-$(nproc)}"
rm -f "$dir"/*.deb
(cd "$dir" && umask 022 && cpack -G DEB >/dev/null)
ls -l "$dir"/*.deb
if [[ ${1:-} == --check ]]; then bash packaging/check_debian.sh "$dir"; fi
