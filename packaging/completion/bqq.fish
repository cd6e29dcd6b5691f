# Completion of bqq's subcommands and options for fish: what its own help lists, and files.

function __bqq_subcommands
    bqq --help | sed -nE '/^Subcommands:/,/^$/s/^  ([a-z]+) +(.*)/\1\t\2/p'
end

function __bqq_options
    bqq (commandline -opc)[2] --help 2>/dev/null |
        sed -nE 's/^  (-h,)?(--[a-z0-9-]+)[^ ]*( [A-Z]+(=[^ ]+)?)?( \.\.\.)?( REQUIRED)? +(.*)/\2\t\7/p'
end

complete -c bqq -n __fish_use_subcommand -f -a '(__bqq_subcommands)'
complete -c bqq -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a '(__bqq_options)'
complete -c bqq -n 'test (commandline -opc)[-1] = --metric' -f -a 'l2 ip cosine'
