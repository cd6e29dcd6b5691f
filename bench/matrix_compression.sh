#!/usr/bin/env bash
# Error against memory of compressed matrices, BQQ beside what its paper compares it with:
#     bash bench/matrix_compression.sh [--full] [matrix.npy...]
# writes bench/results/matrix_compression.{json,csv,png}. Two matrices are generated, one is 128 images
# of Fashion-MNIST; those in the files named come in addition. BQQ's annealing is a fifth as long as the
# library's default, which --full takes (more than an hour).
# The environment variables are described in cmake/build_functions.sh.
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh

effort=0.2
matrices=()
for file in "$@"; do
    case $file in
        --full) effort=1 ;;
        -*) echo "usage: bash bench/matrix_compression.sh [--full] [matrix.npy...]" >&2; exit 2 ;;
        /*) matrices+=(--matrix "$file") ;;
        *) matrices+=(--matrix "$here/$file") ;;
    esac
done

install_packages "${build_packages[@]}" dataset-fashion-mnist python3-numpy python3-matplotlib
build release bqq_matrix_compression

data=build/data
/usr/bin/python3 datasets/fashion_mnist.py "$data"

results=bench/results
mkdir -p "$results"
# Threads that wait must not take the cores from the ones that work: FAISS uses both OpenMP and OpenBLAS.
export OMP_WAIT_POLICY=passive
"$(build_dir release)/bench/matrix_compression/bqq_matrix_compression" \
    --effort "$effort" --fashion-mnist "$data/fashion_mnist_base.npy" "${matrices[@]}" \
    --json "$results/matrix_compression.json" --csv "$results/matrix_compression.csv"
/usr/bin/python3 bench/matrix_compression/plot.py "$results/matrix_compression.json" \
    "$results/matrix_compression.png"
echo "wrote $results/matrix_compression.{json,csv,png}"
