# shellcheck shell=bash
# What a run needs from the machine, and where it comes from when it is missing.

# A build server must take the versions that were committed, or fail.
locked=()
[[ -z ${CI:-} ]] || locked=(--locked)

need_rust() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin
    command -v cargo >/dev/null || die 'missing: Rust. Install it from https://rustup.rs, then run this again'
}

need_c_compiler() {
    have_c_compiler || install have_c_compiler 'a C compiler, which builds SQLite' build-essential
}

have_c_compiler() {
    command -v "${CC:-cc}" >/dev/null
}

need_python() {
    have_python || install have_python 'Python with venv, for the foreign clients' python3 python3-venv
}

have_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null
}

need_node() {
    have_node || install have_node 'Node.js with npm, for a chain to test on and foreign clients' nodejs npm
}

have_node() {
    node --version >/dev/null 2>&1 && npm --version >/dev/null 2>&1
}

need_postgres() {
    local what="PostgreSQL's server programs (initdb, pg_ctl, postgres)"
    ! find_postgres || return 0
    [[ -z ${FAREBOX_POSTGRES_BIN:-} ]] || die "there is no PostgreSQL server in FAREBOX_POSTGRES_BIN=$FAREBOX_POSTGRES_BIN"
    may_install "$what" postgresql
    # Debian's package starts a server as soon as it is installed; nobody asked for one.
    at_exit allow_clusters
    as_root mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
    install find_postgres "$what" postgresql
}

no_cluster=/etc/postgresql-common/createcluster.d/farebox.conf

allow_clusters() {
    as_root rm -f "$no_cluster"
}

as_root() {
    if ((EUID)); then
        sudo -n "$@"
    else
        "$@"
    fi
}

# may_install WHAT PACKAGE…: ends the run, saying what to do, where this script cannot do it.
may_install() {
    local what=$1
    shift
    command -v apt-get >/dev/null || die "missing: $what. Install it (Debian calls it $*), then run this again"
    as_root true 2>/dev/null || die "missing: $what. Run: sudo apt-get install -y $*"
}

# install CHECK WHAT PACKAGE…
install() {
    local check=$1 what=$2
    shift 2
    may_install "$what" "$@"
    say "missing: $what; installing $* with apt-get"
    as_root apt-get update -q >&2 || say 'apt-get update failed; trying with the package lists that are here'
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 ||
        die "apt-get could not install $*; install it by hand, then run this again"
    "$check" || die "missing: $what, even after apt-get install $*"
}

# This minor version; built once, into the user's cache.
need_cargo_deny() {
    local version=0.20.2
    local folder=${XDG_CACHE_HOME:-${HOME:-$PWD/target}/.cache}/farebox/cargo-deny-$version
    PATH=$folder/bin:$PATH
    [[ $(cargo deny --version 2>/dev/null) != "cargo-deny ${version%.*}."* ]] || return 0
    say "missing: cargo-deny $version; building it once, which takes some minutes"
    cargo install cargo-deny --locked --version "$version" --root "$folder" ||
        die "cargo-deny could not be built; install it by hand: cargo install cargo-deny --locked --version $version"
}
