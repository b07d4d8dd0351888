# shellcheck shell=bash
# Card providers: our clients at servers that others wrote, and an agent at ours. Sourced by conformance/run.

at_providers() {
    need_node
    need_node_packages
    need_python_peer payments conformance/payments/requirements.txt
    PROVIDER_LINE=$(realpath -m "${CARGO_TARGET_DIR:-target}/debug/examples/provider-line")
    export PROVIDER_LINE
    [[ -x $PROVIDER_LINE ]] || die "$PROVIDER_LINE is not built; run ./x test"

    say 'conformance: our Stripe client at localstripe'
    start PEER_URL localstripe "$python_peer" conformance/payments/serve_localstripe.py
    export PEER_URL
    check "$python_peer" conformance/payments/at_localstripe.py
    stop_all

    say 'conformance: our Stripe client at emulate'
    start_emulate
    check "$python_peer" conformance/payments/at_emulate.py
    stop_all

    if [[ -n ${FAREBOX_TEST_POSTGRES:-} ]]; then
        say "conformance: the seed's own test on PostgreSQL"
        check "$python_peer" conformance/payments/seed.py "$farebox" "$FAREBOX_TEST_POSTGRES"
    else
        say "conformance: the seed's own test skipped, FAREBOX_TEST_POSTGRES is not set"
    fi

    if command -v jq >/dev/null && command -v curl >/dev/null; then
        say 'conformance: the guide to card payments'
        check "$python_peer" conformance/guide.py "$farebox" docs/guides/take-a-card-payment.md
        say 'conformance: the guide to webhooks'
        check "$python_peer" conformance/guide.py "$farebox" docs/guides/send-webhooks.md
    else
        say 'conformance: the guide to card payments skipped, there is no jq or no curl'
    fi

    at_the_agent "sqlite:$work/agent.db"
}

# An agent with the official MCP client, at `farebox mcp`, at `farebox serve`.
at_the_agent() {
    local database=$1
    FAREBOX_SECRET_KEY=$(printf '33%.0s' $(seq 32))
    export FAREBOX_SECRET_KEY
    say 'conformance: the official MCP client at farebox mcp'
    "$farebox" init --merchant conformance --json --database-url "$database" >"$work/agent-init.json"
    TOKEN_READS=$(token_with payments:read)
    TOKEN_PAYS=$(token_with payments:read --scope payments:write)
    export TOKEN_READS TOKEN_PAYS
    start PAYMENTS_URL agent-server "$farebox" serve --listen 127.0.0.1:0 --provider sim --json --database-url "$database"
    export PAYMENTS_URL
    FAREBOX_LOG=warn check "$python_peer" conformance/payments/agent.py "$farebox"
    stop_all
    check "$farebox" verify --database-url "$database"
}

token_with() {
    "$farebox" token create --scope "$@" --json --database-url "$database" |
        "$python_peer" -c 'import json, sys; print(json.load(sys.stdin)["api_token"])'
}

# emulate does not choose a free port, nor does it say when it listens.
start_emulate() {
    local port tries
    port=$(free_port)
    HOOKS_PORT=$(free_port)
    export HOOKS_PORT
    cat >"$work/emulate.yaml" <<YAML
stripe:
  webhooks:
    - url: http://127.0.0.1:$HOOKS_PORT/webhooks/stripe
      secret: whsec_conformance
      events: ["*"]
YAML
    node "$FAREBOX_NODE_MODULES/emulate/dist/index.js" start -p "$port" -s stripe --seed "$work/emulate.yaml" \
        </dev/null >"$work/emulate.log" 2>&1 &
    running+=("$!")
    PEER_URL=http://127.0.0.1:$port
    export PEER_URL
    for ((tries = 0; tries < 300; tries++)); do
        ! (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
        sleep 0.1
    done
    cat "$work/emulate.log" >&2
    die 'emulate did not start'
}

free_port() {
    "$python_peer" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
