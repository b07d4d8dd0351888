# shellcheck shell=bash
# The billing API against its own OpenAPI document: generated requests, good and bad, at a real server. Sourced by conformance/run.

# Seconds for each database; the same requests in every run.
billing_seconds=${FAREBOX_SCHEMATHESIS_SECONDS:-60}
billing_seed=1

billing() {
    need_python_peer billing conformance/billing/requirements.txt
    by_the_document sqlite "sqlite:$work/billing.db"
    if [[ -n ${FAREBOX_TEST_POSTGRES:-} ]]; then
        by_the_document postgres "$FAREBOX_TEST_POSTGRES"
    else
        say 'conformance: billing on PostgreSQL skipped, FAREBOX_TEST_POSTGRES is not set'
    fi
}

# Tokens are made and taken back too: the run's own must not be, and there is no way to name it.
by_the_document() {
    local name=$1 database=$2 url token
    FAREBOX_SECRET_KEY=$(printf '33%.0s' $(seq 32))
    export FAREBOX_SECRET_KEY
    "$farebox" init --merchant "billing $name" --mode test --json --database-url "$database" >"$work/billing-init.json"
    token=$("$python_peer" -c 'import json, sys; print(json.load(sys.stdin)["api_token"])' <"$work/billing-init.json")
    start url "billing-$name" "$farebox" serve --listen 127.0.0.1:0 --json --database-url "$database"
    say "conformance: schemathesis at the billing API on $name"
    (cd "$work" && check "${python_peer%/*}/schemathesis" --config-file "$OLDPWD/conformance/billing/schemathesis.toml" \
        run "$url/openapi.json" --header "Authorization: Bearer $token" --max-time "$billing_seconds" --seed "$billing_seed")
    stop_all
    check "$farebox" verify --database-url "$database"
}
