# shellcheck shell=bash
# ./x check: the quick stages first.

command_check() {
    no_arguments "$@"
    need_rust
    need_c_compiler
    stage format cargo fmt --all --check
    stage tidy cargo run -q "${locked[@]}" -p xtask -- tidy
    check_scripts
    stage clippy cargo clippy "${locked[@]}" --keep-going --workspace --all-targets --all-features -- -D warnings
    # Libraries: the binary `farebox` and the facade of that name would write to one folder.
    stage docs env RUSTDOCFLAGS='-D warnings' cargo doc "${locked[@]}" --keep-going --workspace --all-features --no-deps --lib
    check_dependencies
    summary
}

check_scripts() {
    local scripts=(x .ci/run)
    [[ ! -e conformance/run ]] || scripts+=(conformance/run)
    if command -v shellcheck >/dev/null; then
        stage scripts shellcheck --external-sources "${scripts[@]}"
    else
        skip scripts 'shellcheck is not installed'
    fi
}

check_dependencies() {
    need_cargo_deny
    stage dependencies cargo deny --log-level error check --hide-inclusion-graph bans licenses sources
    if [[ ${FAREBOX_ADVISORIES:-} == 1 ]]; then
        stage advisories cargo deny check advisories
    else
        skip advisories 'they need the network: FAREBOX_ADVISORIES=1 ./x check'
    fi
}
