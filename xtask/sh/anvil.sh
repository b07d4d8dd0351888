# shellcheck shell=bash
# A chain of our own: anvil from npm, on a free port of 127.0.0.1, with our token and the contracts it needs in their places,
# gone at exit.

node_home=${CARGO_TARGET_DIR:-target}/node
anvil_pid=
anvil_url=

# npm packages that tests, foreign clients and benchmarks use, at fixed versions; installed once.
need_node_packages() {
    local wanted
    wanted=$(sha256sum xtask/sh/package.json)
    node_home=$(realpath -m "$node_home")
    export FAREBOX_NODE_MODULES=$node_home/node_modules
    [[ $(cat "$node_home/installed" 2>/dev/null) != "$wanted" ]] || return 0
    say "installing npm packages into $node_home"
    mkdir -p "$node_home"
    cp xtask/sh/package.json "$node_home/package.json"
    (cd "$node_home" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2) ||
        die 'npm could not install the packages of xtask/sh/package.json'
    echo "$wanted" >"$node_home/installed"
}

# Sets anvil_url; exports FAREBOX_TEST_ANVIL and FAREBOX_TEST_ANVIL_BIN.
start_anvil() {
    local tries port
    need_node
    need_node_packages
    export FAREBOX_TEST_ANVIL_BIN=$FAREBOX_NODE_MODULES/@foundry-rs/anvil-linux-amd64/bin/anvil
    [[ -x $FAREBOX_TEST_ANVIL_BIN ]] || die "there is no anvil for this machine in $FAREBOX_NODE_MODULES"
    at_exit stop_anvil
    for ((tries = 0; tries < 20; tries++)); do
        port=$((20000 + RANDOM % 12000))
        "$FAREBOX_TEST_ANVIL_BIN" --silent --host 127.0.0.1 --port "$port" --chain-id 84532 </dev/null >/dev/null 2>&1 &
        anvil_pid=$!
        anvil_url=http://127.0.0.1:$port
        if node conformance/chain/place.mjs "$anvil_url"; then
            export FAREBOX_TEST_ANVIL=$anvil_url
            say "anvil answers on 127.0.0.1:$port"
            return 0
        fi
        stop_anvil
    done
    die 'anvil did not start'
}

stop_anvil() {
    [[ -n $anvil_pid ]] || return 0
    kill "$anvil_pid" 2>/dev/null || true
    wait "$anvil_pid" 2>/dev/null || true
    anvil_pid=
}
