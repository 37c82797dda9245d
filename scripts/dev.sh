#!/bin/sh
# From a bare Debian 12 or 13 to a running daemon: see usage below.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
build=$top/build
dev=$top/.dev # git-ignored: the private cluster, and what `down` needs to know
postgres_oldest=15
stop_seconds=15

usage() {
    cat <<'USAGE'
usage: scripts/dev.sh COMMAND

  deps     install what is missing (apt; as root or with sudo)
  build    leave the program at build/stratslabd
  up       deps, build, a private PostgreSQL under .dev/ unless DATABASE_URL is set, and the daemon in the
           foreground on 127.0.0.1:8000; Ctrl-C ends all of it, and the data is there the next time
  down     stop what an `up` left behind
  test     deps, build, every suite that can run here
  clean    remove build/ and .dev/ (asks before it deletes a database; -y does not ask)

`up` passes STRATSLAB_* settings on. `psql "$(cat .dev/url)"` opens the private database.
USAGE
}

say() { printf 'dev.sh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# ---------------------------------------------------------------- deps

# What a check finds missing, and the Debian package that has it.
build_needs='
cc:            gcc libc6-dev
cmd:make       make
cmd:autoreconf autoconf
cmd:automake   automake
cmd:pkg-config pkgconf
pc:libevent_core libevent-dev
pc:libpq       libpq-dev
pc:libcrypto   libssl-dev
pc:json-c      libjson-c-dev
pc:libllhttp   libllhttp-dev
pc:zlib        zlib1g-dev
pc:cunit       libcunit1-dev
cmd:npm        npm
server:        postgresql
cmd:setpriv    util-linux
'
test_needs='
cmd:curl       curl
py:pytest      python3-pytest
py:xdist       python3-pytest-xdist
py:psycopg     python3-psycopg
py:jsonschema  python3-jsonschema
cmd:clang      clang
cmd:clang-format clang-format
cmd:clang-tidy clang-tidy
asan:          libclang-rt-dev
cmd:cppcheck   cppcheck
cmd:shellcheck shellcheck
cmd:mandoc     mandoc
cmd:valgrind   valgrind
cmd:systemd-analyze systemd
cmd:promtool   prometheus
cmd:zsh        zsh
cmd:chromium   chromium
cmd:chromedriver chromium-driver
cmd:openssl    openssl
sbin:logrotate logrotate
lib:libfaketime libfaketime
sbin:nginx     nginx-light
sbin:pgbouncer pgbouncer
'

# The folder of a new enough server's programs; Debian keeps them off PATH.
server_programs() {
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rt / -k 5 -n) \
        "$(pg_config --bindir 2>/dev/null || :)" "$(dirname "$(command -v postgres || echo /nowhere/postgres)")"; do
        if [ ! -x "$folder/postgres" ] || [ ! -x "$folder/initdb" ]; then continue; fi
        version=$("$folder/postgres" -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if [ "$version" -ge $postgres_oldest ]; then
            echo "$folder"
            return
        fi
    done
    return 1
}

compiles() { echo '#include <stdio.h>
int main(void) { return 0; }' | "$@" -x c - -o /dev/null 2>/dev/null; }

# Is what a line of the tables above asks for there?
has() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null ;;
    sbin:*) [ -x "/usr/sbin/${1#sbin:}" ] || command -v "${1#sbin:}" >/dev/null ;;
    pc:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#pc:}" ;;
    lib:*) [ -n "$(find /usr/lib -name "${1#lib:}.so*" -print -quit)" ] ;;
    py:*) /usr/bin/python3 -c "import ${1#py:}" 2>/dev/null || python3 -c "import ${1#py:}" 2>/dev/null ;;
    cc:) compiles "${CC:-cc}" ;;
    asan:) command -v clang >/dev/null && compiles clang -fsanitize=address,undefined ;;
    server:) server_programs >/dev/null ;;
    esac
}

# The packages that are missing of a table's, one a line.
missing() {
    echo "$1" | while read -r need packages; do
        [ -n "$need" ] || continue
        has "$need" || echo "$packages" | tr ' ' '\n'
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2 ||
        die "apt could not install: $* (its own words are above). Without them this cannot go on."
}

apt_has() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# Debian's PostgreSQL packages make a cluster of their own and start it at once, which nobody here asked for. That is
# switched off for the time of the installation, and the machine's configuration left as it was.
install_server() {
    conf=/etc/postgresql-common/createcluster.conf
    apt_install postgresql-common
    servers=$(dpkg-query -W -f '${db:Status-Status}\n' 'postgresql-[0-9]*' 2>/dev/null | grep '^installed' || :)
    if [ -f $conf ] && [ -z "$servers" ]; then
        keep=$(mktemp)
        cat $conf >"$keep"
        trap 'as_root cp "$keep" $conf; rm -f "$keep"' EXIT
        trap 'exit 130' INT TERM HUP
        echo 'create_main_cluster = false' | as_root tee -a $conf >/dev/null
        apt_install postgresql
        as_root cp "$keep" $conf
        rm -f "$keep"
        trap - EXIT INT TERM HUP
    else
        apt_install postgresql
    fi
}

# Debian 12 has no libllhttp. Debian 13's packages need only libc: apt fetches the two by a configuration of its own,
# which is thrown away, so that no foreign suite stays behind. The mirror is the machine's.
install_llhttp() {
    # shellcheck disable=SC2016 # apt's own notation
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        head -n 1)
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -z "$uri" ] || [ ! -f $keyring ]; then
        die "libllhttp-dev (9.1 or newer) is missing, this system has no package of it, and it is not a Debian whose" \
            "mirror could be asked for Debian 13's. Install llhttp so that pkg-config finds libllhttp."
    fi
    say "libllhttp-dev is not in this release: taking Debian 13's from this machine's mirror"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
    chmod 755 "$scratch" # for the user _apt
    mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/sources.d" "$scratch/debs"
    cat >"$scratch/sources.d/debian13.sources" <<SOURCES
Types: deb
URIs: $uri
Suites: trixie
Components: main
Signed-By: $keyring
SOURCES
    cat >"$scratch/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$scratch/sources.d";
Dir::State::lists "$scratch/lists";
Dir::Cache "$scratch/cache";
Acquire::Languages "none";
CONF
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then chown _apt "$scratch/debs"; fi
    (
        cd "$scratch/debs"
        APT_CONFIG=$scratch/apt.conf apt-get -q update >&2
        APT_CONFIG=$scratch/apt.conf apt-get -q download libllhttp-dev libllhttp9.2 >&2
    ) || die "fetching libllhttp-dev and libllhttp9.2 of Debian 13 from $uri failed (apt's own words are above)"
    as_root dpkg -i "$scratch"/debs/*.deb >&2 || die "dpkg did not install libllhttp-dev and libllhttp9.2"
    rm -rf "$scratch"
    trap - EXIT INT TERM HUP
}

# Debian's package starts a Prometheus at once. Only its promtool is wanted, which needs nothing but libc: it is taken
# out of the package, and the package is not installed.
install_promtool() {
    say "taking promtool out of the package prometheus; nothing else of it is installed"
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 130' INT TERM HUP
    chmod 755 "$scratch" # for the user _apt
    mkdir "$scratch/debs"
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then chown _apt "$scratch/debs"; fi
    (cd "$scratch/debs" && apt-get -q download prometheus >&2) ||
        die "fetching the package prometheus failed (apt's own words are above)"
    dpkg-deb --fsys-tarfile "$scratch"/debs/*.deb | tar -xf - -C "$scratch" ./usr/bin/promtool ||
        die "there is no promtool in the package prometheus"
    as_root install -m 755 "$scratch/usr/bin/promtool" /usr/local/bin/promtool
    rm -rf "$scratch"
    trap - EXIT INT TERM HUP
}

# Packages that start a service of theirs at once and at each boot, of which only the program is wanted. While they are
# installed invoke-rc.d(8) is told to start nothing.
install_idle() {
    policy=/usr/sbin/policy-rc.d
    ours=
    if [ ! -e $policy ]; then
        ours=yes
        trap 'as_root rm -f $policy' EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    apt_install "$@"
    if command -v systemctl >/dev/null; then
        for package in "$@"; do as_root systemctl --quiet disable "${package%-light}.service" >&2 || :; done
    fi
    if [ -n "$ours" ]; then
        as_root rm -f $policy
        trap - EXIT INT TERM HUP
    fi
}

# Installs what is missing of a table's packages.
install_needs() {
    packages=$(missing "$1" | sort -u)
    [ -n "$packages" ] || return 0
    say "missing: $(echo "$packages" | tr '\n' ' ')"
    command -v apt-get >/dev/null || die "there is no apt here: install these, or what your system calls them, by hand"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        die "installing needs root, and there is no sudo: run this as root: $0 deps"
    fi
    as_root apt-get update >&2 || say "apt-get update had failures (above); going on with what it knows"
    plain=
    idle=
    for package in $packages; do
        case $package in
        libllhttp-dev) if apt_has "$package"; then plain="$plain $package"; fi ;;
        libclang-rt-dev) if apt_has "$package"; then plain="$plain $package"; else plain="$plain libclang-rt-14-dev"; fi
            ;;
        postgresql | prometheus) ;;
        nginx-light | pgbouncer) idle="$idle $package" ;;
        *) plain="$plain $package" ;;
        esac
    done
    # shellcheck disable=SC2086 # one word a package
    if [ -n "$plain" ]; then apt_install $plain; fi
    # shellcheck disable=SC2086 # the same
    if [ -n "$idle" ]; then install_idle $idle; fi
    case $packages in *postgresql*) install_server ;; esac
    case $packages in *prometheus*) install_promtool ;; esac
    if ! has pc:libllhttp; then install_llhttp; fi
    packages=$(missing "$1" | sort -u | tr '\n' ' ')
    [ -z "$packages" ] ||
        die "still not usable after installing: $packages(too old? PostgreSQL must be $postgres_oldest or newer)"
}

do_deps() {
    install_needs "$build_needs"
    if [ "${1:-all}" = all ]; then install_needs "$test_needs"; fi
    say "everything needed is installed"
}

# ---------------------------------------------------------------- build

do_build() {
    cd "$top"
    if [ -f config.status ]; then
        die "the sources are configured in place, which bars a build in build/: make distclean first"
    fi
    newer=$(find configure.ac Makefile.am src tests sql man etc docs docs-ui -name '*.a[mc]' -newer configure 2>/dev/null || :)
    if [ ! -x configure ] || [ ! -f Makefile.in ] || [ -n "$newer" ]; then
        say "autoreconf"
        autoreconf -i >&2
    fi
    # A build folder that came along from elsewhere (a moved checkout, another container) is of no use.
    if [ -f "$build/Makefile" ] && ! grep -qFx "abs_top_srcdir = $top" "$build/Makefile"; then
        say "build/ belongs to another checkout: starting afresh"
        rm -rf "$build"
    fi
    mkdir -p "$build"
    cd "$build"
    if [ ! -f Makefile ]; then
        say "configure"
        "$top/configure" --quiet >&2
    fi
    make -j"$(nproc)" stratslabd >&2
    # The rest is Swagger UI, for which npm asks its registry once. `up` goes without where that cannot be reached.
    if ! make -j"$(nproc)" >&2; then
        if [ "${1:-}" != up ]; then exit 1; fi
        say "going on without Swagger UI (above): /docs will only link the OpenAPI document"
    fi
    say "the program is at build/stratslabd"
}

# ---------------------------------------------------------------- the private cluster

# PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    elif id postgres >/dev/null 2>&1; then
        setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
    else
        setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
    fi
}

# A random number below the ephemeral ports; that it is free shows when the server binds it.
random_port() { echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 10000)); }
random_word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

# Sets `cluster`, the folder of data and log. Where root's checkout is closed to the user postgres, it lies under
# /var/tmp.
find_cluster() {
    cluster=
    if [ -f "$dev/cluster" ]; then cluster=$(cat "$dev/cluster"); fi
    [ -n "$cluster" ] && [ -d "$cluster/data" ]
}

make_cluster() {
    mkdir -p "$dev"
    cluster=$dev/postgres
    if ! as_postgres test -x "$dev" 2>/dev/null; then
        cluster=$(mktemp -d /var/tmp/stratslab-dev.XXXXXX)
        say "$top is closed to the user postgres: the data goes to $cluster"
    fi
    mkdir -p "$cluster"
    chmod 700 "$cluster"
    if [ "$(id -u)" = 0 ]; then chown "$(as_postgres id -u):$(as_postgres id -g)" "$cluster"; fi
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
    echo "$cluster" >"$dev/cluster"
    say "a fresh PostgreSQL cluster is in $cluster"
}

cluster_runs() { as_postgres "$bin/pg_ctl" -D "$cluster/data" status >/dev/null 2>&1; }

start_cluster() {
    bin=$(server_programs) || die "no PostgreSQL server of version $postgres_oldest or newer is installed: $0 deps"
    find_cluster || make_cluster
    port=$(cat "$dev/port" 2>/dev/null || random_port)
    tries=5
    while ! cluster_runs; do
        if (cd / && as_postgres "$bin/pg_ctl" -D "$cluster/data" -l "$cluster/log" -s -w -t 60 start \
            -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=''" 2>/dev/null); then
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
    say "PostgreSQL is up on 127.0.0.1:$port: psql \"\$(cat .dev/url)\""
}

stop_cluster() {
    find_cluster && bin=$(server_programs) && cluster_runs || return 0
    say "stopping PostgreSQL"
    (cd / && as_postgres "$bin/pg_ctl" -D "$cluster/data" -s -m fast -w -t 60 stop) ||
        (cd / && as_postgres "$bin/pg_ctl" -D "$cluster/data" -s -m immediate -w -t 60 stop) ||
        say "PostgreSQL did not stop: see $cluster/log"
}

# ---------------------------------------------------------------- the daemon

# When a process started, in the kernel's count: with its number, that names it for ever.
started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

is_corpse() { [ "$(sed 's/.*) //;s/ .*//' "/proc/$1/stat" 2>/dev/null)" = Z ]; }

# Prints the number of the daemon that an `up` of this checkout started, where it runs.
our_daemon() {
    [ -f "$dev/daemon" ] && read -r pid when <"$dev/daemon" && [ "$(started_at "$pid")" = "$when" ] && echo "$pid"
}

stop_daemon() {
    pid=$(our_daemon) || return 0
    say "stopping the daemon ($pid)"
    kill -TERM "$pid" 2>/dev/null || :
    tenths=$((stop_seconds * 10))
    while [ $tenths -gt 0 ] && our_daemon >/dev/null && ! is_corpse "$pid"; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
    if [ $tenths = 0 ]; then
        say "it did not end within $stop_seconds s: killing it"
        kill -KILL "$pid" 2>/dev/null || :
    fi
    rm -f "$dev/daemon"
}

do_down() {
    stop_daemon
    stop_cluster
    say "nothing of this checkout runs"
}

do_up() {
    if pid=$(our_daemon); then die "it is up already (process $pid); $0 down stops it"; fi
    do_deps build
    do_build up
    mkdir -p "$dev"
    daemon=
    signals=0
    # The daemon has a session of its own, so that Ctrl-C reaches this script alone and is passed on once: a second
    # signal means "at once" to it. It must not outlive the script either way (pdeathsig).
    trap 'signals=$((signals + 1)); [ -n "$daemon" ] || exit 130; kill -TERM "$daemon" 2>/dev/null || :' INT TERM HUP
    if [ -n "${DATABASE_URL:-}" ]; then
        say "using DATABASE_URL"
    else
        trap 'stop_cluster' EXIT
        start_cluster
        DATABASE_URL=$(cat "$dev/url")
        export DATABASE_URL
    fi
    export STRATSLAB_LISTEN="${STRATSLAB_LISTEN:-127.0.0.1:8000}"
    export STRATSLAB_ENVIRONMENT="${STRATSLAB_ENVIRONMENT:-development}"
    export STRATSLAB_AUTH="${STRATSLAB_AUTH:-off}"
    export STRATSLAB_MIGRATIONS_DIR="${STRATSLAB_MIGRATIONS_DIR:-$top/sql/migrations}"
    export STRATSLAB_DOCS_DIR="${STRATSLAB_DOCS_DIR:-$build/docs-ui/files}"
    say "starting the daemon on $STRATSLAB_LISTEN; Ctrl-C ends it"
    setsid setpriv --pdeathsig TERM "$build/stratslabd" serve </dev/null &
    daemon=$!
    echo "$daemon $(started_at "$daemon")" >"$dev/daemon"
    if [ $signals -gt 0 ]; then kill -TERM "$daemon" 2>/dev/null || :; fi # one that came before $daemon was known
    while :; do
        before=$signals
        status=0
        wait "$daemon" || status=$?
        if [ "$signals" = "$before" ] || [ ! -d "/proc/$daemon" ]; then break; fi
    done
    # A signal may have come at the very moment of its end.
    if [ "$status" -gt 128 ] && [ "$signals" != "$before" ]; then
        status=0
        wait "$daemon" || status=$?
        if [ "$status" = 127 ]; then status=0; fi
    fi
    rm -f "$dev/daemon"
    say "the daemon ended with status $status"
    exit "$status"
}

# ---------------------------------------------------------------- test, clean

lints='format static shell man'

# The last line of a suite's output: what passed, failed and was skipped. No such line is a failure.
totals_of() {
    totals=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1" | tail -n 1 | tr -cd '0-9 ')
    echo "${totals:-0 1 0}"
}

# add PASSED FAILED SKIPPED
add() {
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# count_apart SUITE STATUS: what tests/SUITE/run, a suite apart from make check, said into $scratch/SUITE. It ends with
# 77 where it cannot run.
count_apart() {
    suite=$1
    if [ "$2" = 77 ]; then
        missed="$missed, tests/$suite (its words are above)"
        return
    fi
    # shellcheck disable=SC2046 # three numbers
    set -- $(totals_of "$scratch/$suite")
    add "$@"
    ran="$ran, $suite $(($1 + $2 + $3)) tests"
}

# What others make of the OpenAPI document.
openapi_tests() {
    status=0
    "$top/tests/openapi/run" >"$scratch/openapi" 2>&1 || status=$?
    cat "$scratch/openapi"
    count_apart openapi $status
}

# The container tests wait more than they work, so they run beside the others; what they say comes behind.
start_docker_tests() {
    "$top/tests/docker/run" >"$scratch/docker" 2>&1 &
    docker_tests=$!
}

finish_docker_tests() {
    say "waiting for the container tests"
    status=0
    wait "$docker_tests" || status=$?
    docker_tests=
    cat "$scratch/docker"
    count_apart docker $status
}

end_test() {
    if [ -n "$docker_tests" ]; then
        kill -TERM "$docker_tests" 2>/dev/null || :
        wait "$docker_tests" || :
    fi
    rm -rf "$scratch"
}

do_test() {
    do_deps
    do_build
    scratch=$(mktemp -d)
    docker_tests='' passed=0 failed=0 skipped=0
    missed="sanitizers, clang, valgrind, fuzz targets, distcheck (bash .ci/run runs them), tests/bench (it measures, and judges nothing)"
    trap end_test EXIT
    trap 'exit 130' INT TERM HUP
    start_docker_tests
    { make -C "$build" --no-print-directory check 2>&1 || :; } | tee "$scratch/check"
    # shellcheck disable=SC2046 # three numbers
    add $(totals_of "$scratch/check")
    ran=$(sed -n 's/^suites: //p' "$scratch/check" | tail -n 1)
    for lint in $lints; do
        status=0
        "$top/tests/lint/$lint" || status=$?
        case $status in
        0) add 1 0 0 && ran="$ran, lint $lint" ;;
        77) add 0 0 1 ;;
        *) add 0 1 0 && ran="$ran, lint $lint" ;;
        esac
    done
    openapi_tests
    finish_docker_tests
    echo
    echo "ran: $ran"
    echo "did not run here: $missed"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

do_clean() {
    if find_cluster && [ "${1:-}" != -y ]; then
        printf 'dev.sh: this deletes the database in %s. Go on? [y/N] ' "$cluster" >&2
        answer=
        read -r answer || :
        case $answer in [yY]*) ;; *) die "nothing was removed ($0 clean -y does not ask)" ;; esac
    fi
    do_down
    if find_cluster; then rm -rf "$cluster"; fi
    rm -rf "$build" "$dev"
    say "removed build/ and .dev/"
}

case ${1:-} in
deps) do_deps ;;
build) do_build ;;
up) do_up ;;
down) do_down ;;
test) do_test ;;
clean) do_clean "${2:-}" ;;
help | --help | -h) usage ;;
*)
    usage >&2
    exit 64
    ;;
esac
