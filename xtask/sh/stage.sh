# shellcheck shell=bash
# A run in stages: every stage runs, even after one failed; the summary says how long each took.

stages=()
failed=0
group=

# stage NAME COMMAND…
stage() {
    local name=$1 started=$SECONDS result=ok
    shift
    say "$name: $*"
    run_in_group "$@" || result=FAILED
    [[ $result == ok ]] || failed=1
    stages+=("$(printf '%-8s %4d s  %s' "$result" $((SECONDS - started)) "$name")")
}

skip() {
    say "$1 skipped: $2"
    stages+=("$(printf '%-8s         %s (%s)' skipped "$1" "$2")")
}

# Prints the stages and ends the run: 0 if none failed.
summary() {
    say 'summary'
    printf '   %s\n' "${stages[@]}" >&2
    printf '   %s %4d s  in all\n' '        ' "$SECONDS" >&2
    exit "$failed"
}

# Runs a command as a process group of its own: what it leaves behind ends with it, and a signal to this script is
# acted upon at once instead of when the command is done.
run_in_group() {
    local status=0
    set -m
    "$@" </dev/null &
    group=$!
    set +m
    wait "$group" || status=$?
    end_group
    return "$status"
}

# SIGTERM, ten seconds to obey, SIGKILL.
end_group() {
    local tries
    [[ -n $group ]] || return 0
    kill -TERM -- "-$group" 2>/dev/null || { group= && return 0; }
    for ((tries = 0; tries < 100; tries++)); do
        kill -0 -- "-$group" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$group" 2>/dev/null || true
    group=
}

# Registered first: what still runs may be using a server that goes next.
at_exit end_group
