# Read by scripts/dev.sh: the private PostgreSQL.
# shellcheck shell=sh disable=SC2034,SC2154 # scripts/dev.sh has the other side of the variables

# The folder of the newest of some servers' programs that is new enough; with a version, of that one: newest VERSION FOLDER…
newest() {
    wanted=$1
    shift
    for folder in $(printf '%s\n' "$@" | sort -V -r); do
        if [ ! -x "$folder/postgres" ] || [ ! -x "$folder/initdb" ]; then continue; fi
        version=$("$folder/postgres" -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if [ "${version:-0}" -ge "$postgres_oldest" ] && [ "$version" = "${wanted:-$version}" ]; then
            echo "$folder"
            return
        fi
    done
    return 1
}

# The system's; Debian keeps them off PATH.
system_server_programs() {
    newest "${1:-}" /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || :)" \
        "$(dirname "$(command -v postgres || echo /nowhere/postgres)")"
}

# The system's, or else what unpack_server has left.
server_programs() {
    system_server_programs "${1:-}" || { find_cluster_folder && newest "${1:-}" "$cluster"/server/usr/lib/postgresql/*/bin; }
}

# As the user who owns the private cluster: PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
        return
    fi
    if [ -d "${cluster:-}" ]; then
        user=$(stat -c %u "$cluster") group=$(stat -c %g "$cluster")
    else
        user=$(id -u postgres 2>/dev/null || id -u nobody) group=$(id -g postgres 2>/dev/null || id -g nobody)
    fi
    setpriv --reuid="$user" --regid="$group" --clear-groups "$@"
}

# A random number below the ephemeral ports; that it is free shows when the server binds it.
random_port() { echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000)); }
random_word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Sets `cluster`, the folder of data and log, and of the server where the system has none.
find_cluster_folder() {
    cluster=
    if [ -f "$dev/cluster" ]; then cluster=$(cat "$dev/cluster"); fi
    [ -n "$cluster" ] && [ -d "$cluster" ]
}

find_cluster() { find_cluster_folder && [ -d "$cluster/data" ]; }

# Where root's checkout is closed to the user who runs the server, the folder lies under /var/lib.
make_cluster_folder() {
    if find_cluster_folder; then return; fi
    cluster=
    mkdir -p "$dev"
    folder=$dev/postgres
    if ! as_postgres test -x "$dev" 2>/dev/null; then
        folder=$(mktemp -d /var/lib/stratslab-dev.XXXXXX)
        say "    $top is closed to the user who runs PostgreSQL: its data goes to $folder"
    fi
    mkdir -p "$folder"
    chmod 700 "$folder"
    if [ "$(id -u)" = 0 ]; then chown "$(as_postgres id -u):$(as_postgres id -g)" "$folder"; fi
    cluster=$folder
    echo "$cluster" >"$dev/cluster"
}

make_cluster() {
    make_cluster_folder
    password=$(random_word)
    rm -rf "$cluster/new" # of one that was broken off
    if ! (cd / && as_postgres "$bin/initdb" -D "$cluster/new" -U postgres -E UTF8 --no-locale -A trust) \
        >"$dev/made" 2>&1; then
        cat "$dev/made" >&2
        die "making a PostgreSQL cluster in $cluster failed"
    fi
    echo "host all all 127.0.0.1/32 scram-sha-256" | as_postgres tee "$cluster/new/pg_hba.conf" >/dev/null
    (cd / && as_postgres "$bin/postgres" --single -D "$cluster/new" postgres >/dev/null 2>"$dev/made") <<STATEMENTS
ALTER ROLE postgres PASSWORD '$password'
CREATE ROLE stratslab LOGIN PASSWORD '$password'
CREATE DATABASE stratslab OWNER stratslab
STATEMENTS
    # Single-user mode ends with 0 whatever becomes of a statement.
    if grep -E 'ERROR|FATAL' "$dev/made" >&2; then die "making a PostgreSQL cluster in $cluster failed"; fi
    as_postgres mv "$cluster/new" "$cluster/data" # from here on it is whole
    rm -f "$dev/made"
    (umask 077 && echo "$password" >"$dev/password")
    say "    a fresh PostgreSQL cluster is in $cluster"
}

cluster_runs() { as_postgres "$bin/pg_ctl" -D "$cluster/data" status >/dev/null 2>&1; }

# The server that the data was made by.
find_server() {
    made_by=
    if find_cluster; then made_by=$(as_postgres cat "$cluster/data/PG_VERSION"); fi
    bin=$(server_programs "$made_by") && return
    if [ -z "$made_by" ]; then die "no PostgreSQL server of version $postgres_oldest or newer is installed: $0 deps"; fi
    die "the data in $cluster is of PostgreSQL $made_by, which is not installed. Install it (apt install postgresql-$made_by);" \
        "or, if you do not need the data, make it anew: $0 clean"
}

start_cluster() {
    find_server
    find_cluster || make_cluster
    port=$(cat "$dev/port" 2>/dev/null || random_port)
    tries=5
    while ! cluster_runs; do
        # jit=off: it would ask for the part that unpack_server leaves out.
        if (cd / && as_postgres "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -s -w -t 60 start \
            -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c jit=off" 2>/dev/null); then
            break
        fi
        tries=$((tries - 1))
        if [ $tries = 0 ]; then
            as_postgres tail -n 20 "$cluster/log" >&2 || :
            die "PostgreSQL did not start; the end of $cluster/log is above"
        fi
        port=$(random_port)
    done
    # A server that an `up` left behind goes on at its own port.
    port=$(as_postgres sed -n 4p "$cluster/data/postmaster.pid")
    echo "$port" >"$dev/port"
    (umask 077 && echo "postgresql://stratslab:$(cat "$dev/password")@127.0.0.1:$port/stratslab" >"$dev/url")
    say "    PostgreSQL is up on 127.0.0.1:$port: psql \"\$(cat .dev/url)\""
}

stop_cluster() {
    find_cluster && bin=$(server_programs "$(as_postgres cat "$cluster/data/PG_VERSION")") && cluster_runs || return 0
    say "stopping PostgreSQL"
    (cd / && as_postgres "$bin/pg_ctl" -D "$cluster/data" -s -m fast -w -t 60 stop) ||
        (cd / && as_postgres "$bin/pg_ctl" -D "$cluster/data" -s -m immediate -w -t 60 stop) ||
        say "PostgreSQL did not stop: see $cluster/log"
}
