# Shell functions that the benchmarks share. Source it from the top folder, after cmake/build_functions.sh.

# wants_all SCRIPT ARGUMENT...: whether the only argument is --all; another one ends the script.
wants_all() {
    local script=$1
    shift
    if (($# == 0)); then return 1; fi
    if [[ $# == 1 && $1 == --all ]]; then return 0; fi
    echo "usage: bash $script [--all]" >&2
    exit 2
}

# faiss_version COMMAND: prints the version of FAISS that bqq was built with, such as 1.13.
faiss_version() { "$1" --version | sed -nE 's/.*FAISS ([0-9]+\.[0-9]+).*/\1/p'; }

# at_least VERSION OTHER: whether the first is not older than the other.
at_least() { [[ $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }
