# shellcheck shell=bash
# Talking to the person at the terminal, always on standard error; and undoing what was done, however the script ends.

say() {
    if [[ -t 2 ]]; then
        printf '\033[1mx:\033[0m %s\n' "$*" >&2
    else
        printf 'x: %s\n' "$*" >&2
    fi
}

die() {
    say "$@"
    exit 1
}

# Functions to call at exit, in the order of their registration.
undo=()

at_exit() {
    undo+=("$1")
}

run_undo() {
    local status=$? step
    trap - EXIT
    # A second Ctrl-C must not cut the tidying short.
    trap '' HUP INT TERM
    for step in "${undo[@]}"; do
        "$step" || say "could not finish: $step"
    done
    exit "$status"
}

trap run_undo EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# suggestion WORD CANDIDATE…: names the candidate that was meant, if one is near enough.
suggestion() {
    local word=$1 candidate distance best='' least=3
    shift
    for candidate in "$@"; do
        distance=$(edit_distance "$word" "$candidate")
        if ((distance < least)); then
            least=$distance
            best=$candidate
        fi
    done
    [[ -z $best ]] || echo "; did you mean '$best'?"
}

edit_distance() {
    local a=$1 b=$2 i j least row=() next
    for ((j = 0; j <= ${#b}; j++)); do row[j]=$j; done
    for ((i = 1; i <= ${#a}; i++)); do
        next=("$i")
        for ((j = 1; j <= ${#b}; j++)); do
            least=$((row[j - 1]))
            [[ ${a:i-1:1} == "${b:j-1:1}" ]] || ((++least))
            if ((row[j] < least)); then least=$((row[j] + 1)); fi
            if ((next[j - 1] < least)); then least=$((next[j - 1] + 1)); fi
            next[j]=$least
        done
        row=("${next[@]}")
    done
    echo "${row[-1]}"
}
