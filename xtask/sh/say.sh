# shellcheck shell=bash
# Talking to the person at the terminal, always on standard error, and tidying up behind them.

say() {
    printf '\033[1mx:\033[0m %s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

# What must be undone at exit, last one first.
undo=()

at_exit() {
    undo=("$1" ${undo[@]+"${undo[@]}"})
}

run_undo() {
    local status=$? step
    trap - EXIT
    # A second Ctrl-C must not cut the tidying short.
    trap '' INT TERM HUP
    for step in ${undo[@]+"${undo[@]}"}; do
        "$step" || say "could not finish: $step"
    done
    exit "$status"
}

trap run_undo EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The candidate with the fewest letters to change.
nearest() {
    local word=$1 candidate distance best='' least=99
    shift
    for candidate in "$@"; do
        distance=$(edit_distance "$word" "$candidate")
        if ((distance < least)); then
            least=$distance best=$candidate
        fi
    done
    echo "$best"
}

edit_distance() {
    local a=$1 b=$2 i j cost previous current
    previous=($(seq 0 ${#b}))
    for ((i = 1; i <= ${#a}; i++)); do
        current=("$i")
        for ((j = 1; j <= ${#b}; j++)); do
            [[ ${a:i-1:1} == "${b:j-1:1}" ]] && cost=0 || cost=1
            current[j]=$(printf '%s\n' $((previous[j] + 1)) $((current[j - 1] + 1)) $((previous[j - 1] + cost)) | sort -n | head -1)
        done
        previous=("${current[@]}")
    done
    echo "${previous[-1]}"
}
