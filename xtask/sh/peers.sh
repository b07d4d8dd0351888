# shellcheck shell=bash
# Foreign programs that conformance and benchmarks run beside ours; Python's in an environment each, installed once.

python_peer=

# need_python_peer NAME REQUIREMENTS: sets python_peer to the interpreter that has them.
need_python_peer() {
    local home wanted
    need_python
    home=$(realpath -m "${CARGO_TARGET_DIR:-target}/peers/$1")
    python_peer=$home/bin/python
    wanted=$(sha256sum "$2")
    [[ $(cat "$home/installed" 2>/dev/null) != "$wanted" ]] || return 0
    say "installing Python packages of $2 into $home"
    rm -rf "$home"
    python3 -m venv "$home"
    "$python_peer" -m pip install --quiet --disable-pip-version-check -r "$2" >&2 || die "pip could not install the packages of $2"
    echo "$wanted" >"$home/installed"
}

# The official x402 packages. Exports what the benchmark needs of them.
need_x402_peers() {
    need_node
    need_node_packages
    need_python_peer x402 conformance/x402/python/requirements.txt
    export FAREBOX_X402_PYTHON=$python_peer
}

# The other middlewares, for the gate's benchmark. The Rust one is built once, into a folder of its own.
need_gate_peers() {
    local home
    need_x402_peers
    need_python_peer payments-py conformance/payments-py/requirements.txt
    export FAREBOX_PAYMENTS_PYTHON=$python_peer
    home=$(realpath -m "${CARGO_TARGET_DIR:-target}/peers/x402-axum")
    say 'building x402-axum; the first build takes some minutes'
    cargo build -q --release --locked --manifest-path bench/peers/x402-axum/Cargo.toml --target-dir "$home" ||
        die 'x402-axum could not be built'
    export FAREBOX_X402_AXUM=$home/release/x402-axum-peer
}

# The tutorial's service, for the payments benchmark.
need_payments_peer() {
    need_python_peer tutorial bench/peers/payments/requirements.txt
    export FAREBOX_TUTORIAL_PYTHON=$python_peer
}
