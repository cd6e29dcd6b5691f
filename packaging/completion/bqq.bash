# Completion of bqq's subcommands and options for bash: what its own help lists, and files.

_bqq() {
    local word=${COMP_WORDS[COMP_CWORD]} words
    if ((COMP_CWORD == 1)); then
        words="$(bqq --help | sed -nE '/^Subcommands:/,/^$/s/^  ([a-z]+) .*/\1/p') --help --help-all --version"
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == --metric ]]; then
        words="l2 ip cosine"
    elif [[ $word == -* ]]; then
        words=$(bqq "${COMP_WORDS[1]}" --help 2>/dev/null | sed -nE 's/^  (-h,)?(--[a-z0-9-]+).*/\2/p')
    else
        compopt -o default 2>/dev/null # files
        COMPREPLY=()
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _bqq bqq
