# shellcheck shell=bash
# Official clients, servers and facilitator clients, unmodified, with our facilitator between them and a chain to judge by.

# From anvil's own list of accounts with gas.
signer_key=0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d

on_chain() {
    local python t402 paid_api=${farebox%/*}/paid-api database=sqlite:$work/facilitator.db
    [[ -x $paid_api ]] || die "$paid_api is not built; run ./x test"
    need_x402_peers
    python=$python_peer
    need_python_peer t402 conformance/x402/t402/requirements.txt
    t402=$python_peer
    [[ -n ${FAREBOX_TEST_ANVIL:-} ]] || start_anvil
    export RPC_URL=$FAREBOX_TEST_ANVIL MODULES=$node_home FACILITATOR PAID_API PAY_TO
    # Nobody else is paid there, on a chain that others may be using.
    PAY_TO=$("$python" -c 'from eth_account import Account; print(Account.create().address)')

    FAREBOX_SIGNER_KEY=$signer_key start FACILITATOR facilitator \
        "$farebox" facilitator --listen 127.0.0.1:0 --json --database-url "$database" --chain "eip155:84532=$RPC_URL"
    say 'conformance: official clients pay examples/paid-api through our facilitator'
    start PAID_API paid-api "$paid_api" \
        --listen 127.0.0.1:0 --facilitator "$FACILITATOR" --pay-to "$PAY_TO" --network eip155:84532
    judge 'Python x402, httpx' 4 1 "$python" conformance/x402/python/pay_httpx.py
    ALLOWANCE=none judge 'Python x402, gas sponsored' 0 1 "$python" conformance/x402/python/pay_sponsored.py
    judge 'Python x402, requests' 2 1 "$python" conformance/x402/python/pay_requests.py
    judge 'TypeScript @x402/fetch' 4 1 node conformance/x402/typescript/pay_fetch.mjs
    judge 'Python t402, httpx' 4 0 "$t402" conformance/x402/t402/pay_httpx.py
    judge 'Python t402, requests' 2 0 "$t402" conformance/x402/t402/pay_requests.py
    judge 'farebox pay' 2 1 "$python" conformance/x402/pay_farebox.py "$farebox"
    judge 'Python x402, facilitator clients' 3 0 "$python" conformance/x402/python/facilitator_client.py
    judge 'Python t402, facilitator client' 3 0 "$t402" conformance/x402/t402/facilitator_client.py

    say 'conformance: official servers behind our facilitator'
    start PAID_API server-py "$python" conformance/x402/python/server.py
    judge 'farebox pay, FastAPI server' 2 1 "$python" conformance/x402/pay_farebox.py "$farebox"
    judge 'Python x402, httpx, FastAPI server' 4 1 "$python" conformance/x402/python/pay_httpx.py
    start PAID_API server-ts node conformance/x402/typescript/server.mjs
    judge 'farebox pay, express server' 2 1 "$python" conformance/x402/pay_farebox.py "$farebox"
    judge 'TypeScript @x402/fetch, express server' 4 1 node conformance/x402/typescript/pay_fetch.mjs
    stop_all
    check "$farebox" verify --database-url "$database"
}

judge() {
    check "$python" conformance/x402/judge.py "$@"
}
