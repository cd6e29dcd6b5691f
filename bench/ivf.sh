#!/usr/bin/env bash
# Recall against queries a second of inverted files, ours and FAISS's:
#     bash bench/ivf.sh [--all] [--data-set fashion_mnist|glove|sentences]...
# writes bench/results/ivf_<data set>.{json,csv,png} and prints speeds at equal recall. Without --data-set:
# fashion_mnist and glove. The sentences take half an hour to embed on two cores, once. --all adds codes of other
# sizes. RaBitQ is rotated at random (RR). SENTENCE_EMBEDDINGS: a folder where datasets/wordnet_use_512.sh has
# been.
# The other environment variables are described in cmake/build_functions.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/build_functions.sh

usage() { echo "usage: bash bench/ivf.sh [--all] [--data-set fashion_mnist|glove|sentences]..." >&2; exit 2; }
all=0
data_sets=()
while (($# > 0)); do
    case $1 in
        --all) all=1 ;;
        --data-set)
            [[ ${2:-} =~ ^(fashion_mnist|glove|sentences)$ ]] || usage
            data_sets+=("$2")
            shift
            ;;
        *) usage ;;
    esac
    shift
done
if ((${#data_sets[@]} == 0)); then
    data_sets=(fashion_mnist glove)
fi

data=build/data
results=bench/results
mkdir -p "$results"
install_packages "${build_packages[@]}" python3-numpy python3-matplotlib
build release bqq_ivf
program=$(build_dir release)/bench/ivf/bqq_ivf
# Threads that wait must not take the cores from the ones that work: FAISS uses both OpenMP and OpenBLAS.
export OMP_WAIT_POLICY=passive

# measure NAME TITLE DIMENSION NLIST CODES MORE_CODES OPTION...: MORE_CODES are those that --all adds.
measure() {
    local name=$1 title=$2 dimension=$3 nlist=$4 result=$results/ivf_$1 version code status=0
    local codes=$5 factories=()
    if ((all)); then codes+=" $6"; fi
    shift 6
    for code in $codes; do
        local factory=IVF$nlist,$code
        if [[ $code == RaBitQ* ]]; then factory=RR$dimension,$factory; fi
        factories+=(--factory "$factory")
    done
    version=$("$program" --version | sed 's/.*FAISS //')
    rm -f "$result".{json,csv,png}
    "$program" "$@" "${factories[@]}" --k 10 --min-seconds 0.2 --k-factor 1,4,16,64 \
        --json "$result.json" --csv "$result.csv" \
        --summary --reference PQ --reference RaBitQ --reference SQ || status=$?
    if ((status != 0)); then echo "$name: not all indexes could be measured" >&2; fi
    [[ -f $result.json ]] || return 1
    /usr/bin/python3 bench/ivf/plot.py "$result.json" "$result.png" \
        --title "$title, $nlist lists (FAISS $version)" || return 1
    echo "wrote $result.{json,csv,png}"
    return "$status"
}

fashion_mnist() {
    install_packages dataset-fashion-mnist && /usr/bin/python3 datasets/fashion_mnist.py "$data" || return 1
    measure fashion_mnist "Fashion-MNIST, 60,000 x 784, squared L2" 784 980 \
        "BQQ64 BQQ128 BQQ256 BQQ64z3g16 BQQ128z3g16 BQQ256z3g16 BQQ512z3tg16 BQQ840z4tg16 BQQ1900z4tg8
         PQ16x8 PQ49x8 PQ98x4fs RaBitQfs RaBitQfs2 RaBitQfs4 SQ4 SQ8
         BQQ256,RFlat BQQ128z3g16,RFlat PQ98x4fs,RFlat RaBitQfs,RFlat" \
        "BQQ384 PQ28x8 PQ98x8 PQ28x4fs PQ56x4fs PQ196x4fs RaBitQ RaBitQ4 BQQ64,RFlat BQQ128,RFlat PQ16x8,RFlat
         PQ56x4fs,RFlat" \
        --base "$data/fashion_mnist_base.npy" --queries "$data/fashion_mnist_queries.npy" --metric l2
}

glove() {
    command -v npm >/dev/null || install_packages npm || return 1
    bash datasets/glove_100.sh "$data" || return 1
    measure glove "GloVe, 340,479 x 100, cosine" 100 2332 \
        "BQQ64 BQQ128 BQQ256 BQQ432 BQQ552 BQQ672 BQQ1000 PQ20x8 PQ50x8 PQ50x4fs RaBitQfs RaBitQfs2 RaBitQfs4 SQ4 SQ8
         BQQ256,RFlat PQ50x4fs,RFlat RaBitQfs,RFlat" \
        "BQQ384 PQ10x8 PQ25x8 PQ20x4fs PQ100x4fs RaBitQ RaBitQ4 BQQ64,RFlat BQQ128,RFlat PQ20x8,RFlat
         PQ20x4fs,RFlat" \
        --base "$data/glove_base.npy" --queries "$data/glove_queries.npy" --normalize --metric ip
}

sentences() {
    local folder=${SENTENCE_EMBEDDINGS:-$data}
    if [[ ! -f $folder/wordnet_use512_base.npy || ! -f $folder/wordnet_use512_queries.npy ]]; then
        command -v npm >/dev/null || install_packages npm || return 1
        install_packages wordnet-base python3-numpy && bash datasets/wordnet_use_512.sh "$folder" || return 1
    fi
    measure sentences "Sentence embeddings, 100,000 x 512, cosine" 512 1265 \
        "BQQ64 BQQ128 BQQ256 BQQ1048 BQQ1592 BQQ2076 BQQ3072 PQ16x8 PQ32x8 PQ64x4fs RaBitQfs RaBitQfs2 RaBitQfs4 SQ4 SQ8
         BQQ256,RFlat PQ64x4fs,RFlat RaBitQfs,RFlat" \
        "BQQ384 PQ8x8 PQ64x8 PQ32x4fs PQ128x4fs RaBitQ RaBitQ4 BQQ64,RFlat BQQ128,RFlat PQ16x8,RFlat
         PQ32x4fs,RFlat" \
        --base "$folder/wordnet_use512_base.npy" --queries "$folder/wordnet_use512_queries.npy" \
        --normalize --metric ip
}

failed=0
for data_set in "${data_sets[@]}"; do
    "$data_set" || failed=1
done
exit "$failed"
