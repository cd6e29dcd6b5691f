#!/usr/bin/env bash
# What packaging/debian.sh --check does: bash packaging/check_debian.sh FOLDER, where the packages are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
dir=$1
root=$dir/root

# libbqq.so shows the names of the headers, and none that is the library's own.
hidden_is_hidden() {
    local shown own
    shown=$(nm -D --defined-only -C "$dir"/libbqq.so.*.*.*)
    own=$(grep -E ' bqq::(kernels|CodeLists|Basis|NearestRows|QueryScan)\b' <<<"$shown" || true)
    if [[ -n $own ]]; then
        echo "libbqq.so shows $own" >&2
        return 1
    fi
    grep -q ' bqq::index_factory(' <<<"$shown"
}

# in_root COMMAND...: runs it in the bare Debian, with nothing of this environment.
in_root() {
    as_root chroot "$root" env -i DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# use PACKAGES PROGRAM: installs packages, ours by their files, in a bare Debian, and runs the program there, in a
# folder with what tests/consumer has.
use() {
    local name files=()
    echo "== $1 in a bare Debian"
    as_root rm -rf "$root"
    as_root cp -a "$dir/bare" "$root"
    as_root cp "$dir"/*.deb tests/consumer/* "$root/root/"
    for name in $1; do
        if compgen -G "$dir/${name}_*.deb" >/dev/null; then name=/root/$(basename "$dir/${name}"_*.deb); fi
        files+=("$name")
    done
    in_root apt-get -qq install -y --no-install-recommends "${files[@]}" >/dev/null 2>&1
    in_root bash -euc "cd /root && $2"
}

install_packages lintian debootstrap
hidden_is_hidden
lintian --fail-on error,warning "$dir"/*.deb
if [[ ! -d $dir/bare/root ]]; then
    as_root debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$dir/bare" >/dev/null
fi
as_root chroot "$dir/bare" apt-get -qq update

use bqq '
    bqq --version
    for i in {1..300}; do echo "$((i % 7)),$((i % 11)),$((i % 13)),$((i % 17))"; done >base.csv
    bqq build --base base.csv --factory BQQ16 --metric l2 --out index.bqq
    bqq search --index index.bqq --queries base.csv --k 3 --out neighbours.csv
    test "$(wc -l <neighbours.csv)" = 901'
use "libbqq0.1 libbqq-dev g++ cmake make pkg-config" '
    g++ -std=c++20 main.cpp $(pkg-config --cflags --libs bqq) -o by_pkg_config
    ./by_pkg_config
    for library in index shared; do
        sed -i "s/bqq::[a-z]*)/bqq::$library)/" CMakeLists.txt
        cmake -B $library . >/dev/null
        cmake --build $library >/dev/null
        $library/consumer
    done
    ldd shared/consumer | grep libbqq.so >/dev/null'
use python3-bqq 'python3 -c "
import bqq, numpy
x = numpy.random.default_rng(1).normal(size=(500, 16))
index = bqq.index_factory(16, \"BQQ32\")
index.train(x)
index.add(x)
assert (index.search(x, 1)[1][:, 0] == range(500)).mean() > 0.9
print(bqq.__version__)"'
echo "all packages are as they should be"
