#!/usr/bin/env bash
# What an index costs as it grows: time of training, of adding and of a query, bytes and recall, for the first 100,000,
# the first 300,000 and all of 1,000,000 made-up vectors of 256 dimensions:
#     bash bench/growth.sh [--all]
# writes bench/results/growth.{json,csv,png}. Takes about ten minutes on two cores, and 1 GB of disk. --all adds
# FAISS's inverted file, whose centroids alone take minutes, and product quantizers of 64 bytes.
# The environment variables are described in cmake/build_functions.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
source bench/functions.sh
if wants_all bench/growth.sh "$@"; then all=1; else all=0; fi

install_packages "${build_packages[@]}" python3-numpy python3-matplotlib
build release bqq_command
command=$(build_dir release)/src/command/bqq
data=build/data
/usr/bin/python3 datasets/decaying_spectrum.py "$data"

factories=(BQQ128 BQQ512z8t PQ32x4fs)
inverted_files=(IVF4096,BQQ128 IVF4096,BQQ512z8t)
version=$(faiss_version "$command")
# RaBitQ's fast scan came with FAISS 1.13. It needs a rotation before it.
if at_least "$version" 1.13; then
    factories+=(RR256,RaBitQfs RR256,RaBitQfs2)
fi
if ((all)); then
    factories+=(PQ128x4fs)
    inverted_files+=(IVF4096,PQ32x4fs IVF4096,PQ128x4fs)
fi

results=bench/results
mkdir -p "$results"
# Threads that wait must not take the cores from the ones that work: FAISS uses both OpenMP and OpenBLAS.
export OMP_WAIT_POLICY=passive
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT
for count in 100000 300000 1000000; do
    echo "the first $count vectors"
    measured=("${factories[@]}")
    if ((count == 1000000)); then measured+=("${inverted_files[@]}"); fi
    "$command" eval --base "$data/decaying_spectrum_base.npy" --base-count "$count" \
        --queries "$data/decaying_spectrum_queries.npy" --metric l2 --k 10 --nprobe 64 \
        "${measured[@]/#/--factory=}" --json "$parts/$count.json"
done
/usr/bin/python3 bench/join_results.py "$parts"/*.json --json "$results/growth.json" --csv "$results/growth.csv"
/usr/bin/python3 bench/plot_growth.py "$results/growth.json" "$results/growth.png" \
    --title "Made-up vectors of 256 dimensions, squared L2 (FAISS $version)"
echo "wrote $results/growth.{json,csv,png}"
