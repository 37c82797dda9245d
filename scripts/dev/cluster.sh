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

# Sets `cluster`, the folder of data and log, and of the server where the system has none. A folder under /var/lib says whose
# it is: a copy of a checkout (cp -a) has the name of the folder too, and must not work on the data of the other.
find_cluster_folder() {
    cluster=$dev/postgres
    if [ -d "$cluster" ]; then return; fi
    cluster=$(cat "$dev/cluster" 2>/dev/null || :)
    if [ -z "$cluster" ] || [ ! -d "$cluster" ]; then return 1; fi
    theirs=$(cat "$cluster/checkout" 2>/dev/null || :)
    if [ "${theirs:-$top}" = "$top" ]; then return; fi
    if [ "$(cat "$theirs/.dev/cluster" 2>/dev/null)" = "$cluster" ]; then return 1; fi
    echo "$top" >"$cluster/checkout" # it was moved (mv)
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
    if [ "$folder" != "$dev/postgres" ]; then
        echo "$folder" >"$dev/cluster"
        echo "$top" >"$folder/checkout"
    fi
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
CREATE ROLE stratslab LOGIN CREATEROLE PASSWORD '$password'
CREATE DATABASE stratslab OWNER stratslab
STATEMENTS
    # Single-user mode ends with 0 whatever becomes of a statement.
    if grep -E 'ERROR|FATAL' "$dev/made" >&2; then die "making a PostgreSQL cluster in $cluster failed"; fi
    as_postgres mv "$cluster/new" "$cluster/data" # from here on it is whole
    rm -f "$dev/made"
    (umask 077 && echo "$password" >"$dev/password")
    say "    a fresh PostgreSQL cluster is in $cluster"
}

# Prints the number of the server that works on the private cluster's data, if one does. postmaster.pid may be of a server
# that was killed, or of a machine that has been restarted: the process is ours only if it runs a postgres, in that folder.
# (Line 3 of the file, the time of the start, is not compared: a clock that was set makes it wrong.)
cluster_server() {
    pid=$(as_postgres sed -n '1s/^-\{0,1\}//p' "$cluster/data/postmaster.pid" 2>/dev/null) || return 1
    is_number "$pid" || return 1
    case $(program_of "$pid" as_postgres) in */postgres) ;; *) return 1 ;; esac
    [ "$(as_postgres readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(as_postgres readlink -f "$cluster/data")" ] || return 1
    ! is_corpse "$pid" && echo "$pid"
}

cluster_runs() { cluster_server >/dev/null; }

# A postmaster.pid of nobody's. PostgreSQL itself would not start if its number is by now another process of the same user.
drop_stale_pid_file() {
    file=$cluster/data/postmaster.pid
    if ! as_postgres test -e "$file" || cluster_runs; then return; fi
    pid=$(as_postgres sed -n 1p "$file" 2>/dev/null || :)
    if [ -n "$(started_at "$pid")" ]; then
        say "    the last PostgreSQL here was not stopped, and its number ($pid) is another process by now: leaving that alone"
    fi
    as_postgres rm -f "$file"
}

# The version that the data was made by; nothing if there are none yet.
data_version() { if find_cluster; then as_postgres cat "$cluster/data/PG_VERSION" || :; fi; }

# Says how data of another version are kept. The commands are whole: they can be pasted.
die_of_version() { # VERSION
    here=$(system_server_programs || :)
    if [ -n "$here" ]; then here="the server that is installed ($("$here/postgres" -V)) does not start on them"; else here="no server is installed"; fi
    if apt_has "postgresql-$1"; then
        again="Install the old server, and go on as before:
    sudo apt install postgresql-$1"
    else
        again="This machine's apt has no postgresql-$1 to install."
    fi
    die "the data in $cluster are of PostgreSQL $1; $here.
$again
Or move the data to a new version. Dump them with PostgreSQL $1 (in a container, or on a machine that has it):
    docker run -d --rm --name stratslab-old --user $(stat -c %u:%g "$cluster") -v $cluster/data:/var/lib/postgresql/data \\
        postgres:$1-alpine postgres -c unix_socket_directories=/tmp
    for i in \$(seq 60); do docker exec stratslab-old pg_isready -q -h 127.0.0.1 && break; sleep 1; done
    docker exec -e PGPASSWORD=\"\$(cat $dev/password)\" stratslab-old pg_dump -h 127.0.0.1 -U stratslab stratslab >stratslab.sql
    docker stop stratslab-old
and restore them:
    $0 clean -y
    $0 psql -v ON_ERROR_STOP=1 -q -f stratslab.sql
Or, if you do not need the data, make them anew:
    $0 clean"
}

# The server that the data was made by.
find_server() {
    made_by=$(data_version)
    bin=$(server_programs "$made_by") && return
    if [ -n "$made_by" ]; then die_of_version "$made_by"; fi
    die "no PostgreSQL server of version $postgres_oldest or newer is installed: $0 deps"
}

# The same before anything is installed, if it is certain by then: apt knows servers, and not this one.
check_version() {
    made_by=$(data_version)
    if [ -z "$made_by" ] || server_programs "$made_by" >/dev/null; then return; fi
    if ! command -v apt-cache >/dev/null || { apt_has postgresql && ! apt_has "postgresql-$made_by"; }; then die_of_version "$made_by"; fi
}

as_administrator() { # DATABASE ARGUMENT… of psql
    database=$1
    shift
    PGPASSWORD=$(cat "$dev/password") PGOPTIONS='-c client_min_messages=warning -c search_path=pg_catalog' psql -XAtq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" \
        -U postgres -d "$database" "$@"
}

# The roles that the stack in containers has, and docs/operations.md speaks of: stratslab is the owner here. It may make more
# (CREATEROLE).
make_roles() {
    for role in api backtesting; do
        if [ ! -s "$dev/$role-password" ]; then (umask 077 && random_word >"$dev/$role-password"); fi
    done
    API_PASSWORD=$(cat "$dev/api-password") BACKTESTING_PASSWORD=$(cat "$dev/backtesting-password") as_administrator stratslab >/dev/null <<'STATEMENTS' || die "the roles could not be made (above)"
\getenv api_password API_PASSWORD
\getenv backtesting_password BACKTESTING_PASSWORD
SELECT format('CREATE ROLE %I NOLOGIN', wanted)
FROM unnest(ARRAY['stratslab_api', 'backtesting_service']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) \gexec
ALTER ROLE stratslab_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'api_password';
ALTER ROLE backtesting_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'backtesting_password';
SELECT 'ALTER ROLE stratslab CREATEROLE' FROM pg_roles WHERE rolname = 'stratslab' AND NOT rolcreaterole \gexec
SELECT statement
FROM (VALUES (1, 'CREATE ROLE stratslab_service NOLOGIN'),
             (2, 'GRANT stratslab_service TO stratslab WITH ADMIN OPTION')) AS s (step, statement)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stratslab_service')
ORDER BY step \gexec
GRANT stratslab_service TO backtesting_service;
STATEMENTS
    psql -XAtq -d "$(cat "$dev/url")" -f "$top/docker/postgres/grants.sql" >/dev/null || die "the roles could not be given their rights (above)"
}

url_of() { # NAME ROLE
    if [ ! -s "$dev/$1-password" ]; then return; fi
    (umask 077 && echo "postgresql://$2:$(cat "$dev/$1-password")@127.0.0.1:$port/stratslab" >"$dev/$1-url")
}

# Of the server that runs: one that an `up` left behind goes on at its own port. It may still be starting.
learn_address() {
    tenths=600
    until as_postgres sed -n 8p "$cluster/data/postmaster.pid" 2>/dev/null | grep -q ready || [ $tenths = 0 ]; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
    port=$(as_postgres sed -n 4p "$cluster/data/postmaster.pid")
    echo "$port" >"$dev/port"
    (umask 077 && echo "postgresql://stratslab:$(cat "$dev/password")@127.0.0.1:$port/stratslab" >"$dev/url")
    url_of api stratslab_api
    url_of backtesting backtesting_service
}

start_cluster() {
    find_server
    find_cluster || make_cluster
    port=$(cat "$dev/port" 2>/dev/null || random_port)
    tries=5
    while ! cluster_runs; do
        drop_stale_pid_file
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
    learn_address
    make_roles
    learn_address # of the roles that have been made only now
    say "    PostgreSQL is up on 127.0.0.1:$port: psql \"\$(cat .dev/url)\""
}

# By signals: the server's own programs may be gone by now (an upgrade of Debian), while it runs.
stop_cluster() {
    find_cluster && server=$(cluster_server) || return 0
    say "stopping PostgreSQL"
    end_process "$server" INT 60 || end_process "$server" QUIT 60 || say "PostgreSQL ($server) did not stop: see $cluster/log"
}
