#!/usr/bin/env bash
# Recall against memory and speed on Fashion-MNIST, BQQ beside FAISS's indexes of the same size:
#     bash bench/run.sh [--all]
# writes bench/results/recall_vs_memory.{json,csv,png}, and recall_vs_vectors.png: recall against the number of
# vectors at about the same bytes a vector. Two codes that no library has, and Shannon's bound as recall, are
# measured by bench/peers. Takes a few minutes; --all adds codes that take minutes to train: product quantizers
# of 8 bits, with a learned rotation (OPQ) too, and residual quantizers.
# The environment variables are described in cmake/build_functions.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
source bench/functions.sh
if wants_all bench/run.sh "$@"; then all=1; else all=0; fi

install_packages "${build_packages[@]}" dataset-fashion-mnist python3-numpy python3-matplotlib
build release bqq_command bqq_peers
command=$(build_dir release)/src/command/bqq

data=build/data
/usr/bin/python3 datasets/fashion_mnist.py "$data"

factories=(BQQ64 BQQ128 BQQ256 BQQ88g8 BQQ168g6 BQQ288z3g8 BQQ512z3tg8 BQQ840z4tg8 BQQ1900z4tg8
    PQ98x4fs)
version=$(faiss_version "$command")
# RaBitQ's fast scan came with FAISS 1.13. It needs a rotation before it. Before, SQ takes minutes to search.
if at_least "$version" 1.13; then
    factories+=(SQ4 SQ6 RR784,RaBitQfs RR784,RaBitQfs2 RR784,RaBitQfs4 HR,RaBitQfs PCAR128,RaBitQfs4)
fi
if at_least "$version" 1.15; then factories+=(RR784,EDEN2); fi
if ((all)); then
    factories+=(SQ8 PQ16x8 PQ28x8 PQ49x8 PQ49x4fs PQ196x4fs OPQ16_64,PQ16x8 OPQ32_128,PQ32x8 OPQ49,PQ49x8
        OPQ98_392,PQ98x4fs RQ8x8)
fi
peers=(TC64 TC128 TC256 TC512 TC1024 TC2048 ASH128x1 ASH256x1 ASH128x2 ASH128x4 ASH256x4
    Shannon64 Shannon128 Shannon256 Shannon512 Shannon1024 Shannon2048)

results=bench/results
mkdir -p "$results"
# Threads that wait must not take the cores from the ones that work: FAISS uses both OpenMP and OpenBLAS.
export OMP_WAIT_POLICY=passive
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT

# measure COUNT FACTORY...: of the first COUNT vectors
measure() {
    local count=$1
    shift
    "$command" eval --base "$data/fashion_mnist_base.npy" --base-count "$count" \
        --queries "$data/fashion_mnist_queries.npy" --metric l2 --k 10 "${@/#/--factory=}" \
        --json "$parts/$((++measured)).json"
}
measured=0
measure 60000 "${factories[@]}"
"$(build_dir release)/bench/peers/bqq_peers" --base "$data/fashion_mnist_base.npy" \
    --queries "$data/fashion_mnist_queries.npy" --metric l2 --k 10 "${peers[@]/#/--peer=}" \
    --json "$parts/peers.json"
# In 20 and in 32 bytes a vector, the file's: one basis, as many bases as are worth their bytes, and product
# quantization, for whose codes the vectors are padded to a dimension that they divide.
echo "the first 10,000 vectors"
measure 10000 BQQ96z4 BQQ168z4 BQQ80g2 BQQ152z3g2 PQ28x4fs Pad832,PQ52x4fs
echo "the first 30,000 vectors"
measure 30000 BQQ120z4 BQQ208z4 BQQ88g4 BQQ168g3 Pad792,PQ36x4fs Pad840,PQ60x4fs
echo "all 60,000 vectors"
measure 60000 BQQ128z4 BQQ216z5 Pad798,PQ38x4fs Pad806,PQ62x4fs

/usr/bin/python3 bench/join_results.py "$parts"/*.json \
    --json "$results/recall_vs_memory.json" --csv "$results/recall_vs_memory.csv"
/usr/bin/python3 bench/plot_recall_vs_memory.py "$results/recall_vs_memory.json" \
    "$results/recall_vs_memory.png" --title "Fashion-MNIST, 60,000 x 784, squared L2 (FAISS $version)"
/usr/bin/python3 bench/plot_recall_vs_vectors.py "$results/recall_vs_memory.json" \
    "$results/recall_vs_vectors.png" --bytes 20 --bytes 32 \
    --title "Fashion-MNIST, the first vectors and all of them, squared L2 (FAISS $version)"
echo "wrote $results/recall_vs_memory.{json,csv,png} and $results/recall_vs_vectors.png"
