#!/usr/bin/env bash
# Recall of 8 to 40 bytes a vector on sentence embeddings, BQQ beside FAISS's codes and two that no library has:
#     bash bench/sentences.sh [--all]
# writes bench/results/sentences.{json,csv,png}. The sentences take half an hour to embed on two cores, once; the
# measuring takes about five minutes. --all adds codes that take minutes to train: product quantizers of 8 bits, with a
# learned rotation (OPQ) too, and residual quantizers.
# SENTENCE_EMBEDDINGS: a folder where datasets/wordnet_use_512.sh has been.
# The other environment variables are described in cmake/build_functions.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh
source bench/functions.sh
if wants_all bench/sentences.sh "$@"; then all=1; else all=0; fi

install_packages "${build_packages[@]}" python3-numpy python3-matplotlib
build release bqq_command bqq_peers
command=$(build_dir release)/src/command/bqq
data=${SENTENCE_EMBEDDINGS:-build/data}
if [[ ! -f $data/wordnet_use512_base.npy || ! -f $data/wordnet_use512_queries.npy ]]; then
    command -v npm >/dev/null || install_packages npm
    install_packages wordnet-base
    bash datasets/wordnet_use_512.sh "$data"
fi

factories=(BQQ56z4 BQQ64 BQQ96z4 BQQ120z4 BQQ128 BQQ184z4 BQQ248z4 BQQ256 BQQ216z4g2 BQQ280z4g4
    PQ16x4fs PQ32x4fs PQ64x4fs PCAR64,PQ16x4fs PCAR128,PQ32x4fs PCAR256,PQ64x4fs)
version=$(faiss_version "$command")
# RaBitQ's fast scan came with FAISS 1.13. It needs a rotation before it; that of PCAR is random after the axes.
if at_least "$version" 1.13; then factories+=(PCAR64,RaBitQfs PCAR128,RaBitQfs PCAR64,RaBitQfs2 PCAR192,RaBitQfs); fi
if ((all)); then
    factories+=(PQ8x8 PQ16x8 PQ32x8 OPQ8_64,PQ8x8 OPQ16_64,PQ16x8 OPQ32_128,PQ32x8 OPQ32_64,PQ32x4fs
        OPQ64_128,PQ64x4fs RQ8x8 RQ16x8 PRQ2x4x8 PRQ4x4x8 LSQ8x8)
fi
peers=(TC48 TC64 TC96 TC128 TC192 TC256 ASH64x1 ASH128x1 ASH192x1 ASH64x2 ASH128x2
    Shannon48 Shannon64 Shannon128 Shannon256)

results=bench/results
mkdir -p "$results"
# Threads that wait must not take the cores from the ones that work: FAISS uses both OpenMP and OpenBLAS.
export OMP_WAIT_POLICY=passive
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT
inputs=(--base "$data/wordnet_use512_base.npy" --queries "$data/wordnet_use512_queries.npy" --metric cosine --k 10)
"$command" eval "${inputs[@]}" "${factories[@]/#/--factory=}" --json "$parts/indexes.json"
"$(build_dir release)/bench/peers/bqq_peers" "${inputs[@]}" "${peers[@]/#/--peer=}" --json "$parts/peers.json"
/usr/bin/python3 bench/join_results.py "$parts"/*.json --json "$results/sentences.json" --csv "$results/sentences.csv"
/usr/bin/python3 bench/plot_recall_vs_memory.py "$results/sentences.json" "$results/sentences.png" \
    --title "Sentence embeddings, 100,000 x 512, cosine (FAISS $version)"
echo "wrote $results/sentences.{json,csv,png}"
