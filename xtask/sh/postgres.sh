# shellcheck shell=bash
# A PostgreSQL server of our own: in a temporary folder, on a free port of 127.0.0.1, gone at exit. Servers that
# already run on the machine are never touched.

postgres_bin=
postgres_home=
postgres_url=

# Sets postgres_url.
start_postgres() {
    need_postgres
    server_account
    at_exit remove_postgres
    postgres_home=$(mktemp -d "${TMPDIR:-/tmp}/farebox-postgres.XXXXXX")
    ((EUID)) || chown "$server_user" "$postgres_home"
    as_server test -w "$postgres_home" || die "$server_user cannot use $postgres_home: set TMPDIR to a folder it can enter"
    say "starting $("$postgres_bin/postgres" --version) in $postgres_home"
    as_server "$postgres_bin/initdb" -D "$postgres_home/data" -U postgres -A trust -E UTF8 --no-locale --no-sync \
        >"$postgres_home/initdb.log" 2>&1 || postgres_failed initdb.log
    postgres_settings >>"$postgres_home/data/postgresql.conf"
    start_on_a_free_port
}

# The highest installed version, else what PATH leads to; FAREBOX_POSTGRES_BIN names another folder.
find_postgres() {
    local folders folder
    if [[ -n ${FAREBOX_POSTGRES_BIN:-} ]]; then
        folders=("$FAREBOX_POSTGRES_BIN")
    else
        mapfile -t folders < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
        folders+=("$(dirname "$(readlink -f "$(command -v initdb || true)")")")
    fi
    for folder in "${folders[@]}"; do
        if is_postgres "$folder"; then
            postgres_bin=$folder
            return 0
        fi
    done
    return 1
}

# All three programs of one installation, and programs they really are.
is_postgres() {
    [[ -x $1/initdb && -x $1/pg_ctl && -x $1/postgres ]] || return 1
    [[ $("$1/initdb" --version 2>/dev/null) == *PostgreSQL* && $("$1/postgres" --version 2>/dev/null) == *PostgreSQL* ]]
}

# PostgreSQL refuses to run as root.
server_account() {
    server_user=$(id -un)
    ((EUID == 0)) || return 0
    command -v runuser >/dev/null || die 'missing: runuser (Debian: util-linux), to start PostgreSQL as somebody else than root'
    server_user=postgres
    id -u postgres >/dev/null 2>&1 || server_user=nobody
}

as_server() {
    if ((EUID)); then
        "$@"
    else
        (cd / && runuser -u "$server_user" -- "$@")
    fi
}

# Durable, as in production: a test that kills a server must mean something.
postgres_settings() {
    echo "listen_addresses = '127.0.0.1'"
    # A socket's path has little room.
    if ((${#postgres_home} < 80)); then
        echo "unix_socket_directories = '$postgres_home'"
    else
        echo "unix_socket_directories = ''"
    fi
    echo 'fsync = on'
    echo 'max_connections = 200'
}

# Below the range that outgoing connections take their ports from; whoever is first has the port.
start_on_a_free_port() {
    local tries port
    for ((tries = 0; tries < 20; tries++)); do
        port=$((20000 + RANDOM % 12000))
        if as_server "$postgres_bin/pg_ctl" -D "$postgres_home/data" -l "$postgres_home/server.log" -o "-p $port" -w start \
            </dev/null >/dev/null 2>&1; then
            # shellcheck disable=SC2034 # read by the commands in ./x
            postgres_url=postgres://postgres@127.0.0.1:$port/postgres
            say "PostgreSQL answers on 127.0.0.1:$port"
            return 0
        fi
    done
    postgres_failed server.log
}

postgres_failed() {
    tail -n 20 "$postgres_home/$1" >&2 || true
    die 'PostgreSQL did not start; its last words are above'
}

remove_postgres() {
    [[ -n $postgres_home ]] || return 0
    if [[ -e $postgres_home/data/postmaster.pid ]]; then
        as_server "$postgres_bin/pg_ctl" -D "$postgres_home/data" -m immediate -w stop >/dev/null 2>&1 ||
            say "PostgreSQL in $postgres_home did not stop"
    fi
    rm -rf "$postgres_home"
}
