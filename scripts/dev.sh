#!/bin/sh
# From a bare Debian 12 or 13 to a running daemon: see usage below.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P && echo .)
top=${top%??} # a line end at the end of a path is part of it
build=$top/build
dev=$top/.dev # git-ignored: the private cluster, and what `down` needs to know
postgres_oldest=15
stop_seconds=15
given_url=${DATABASE_URL:-}

usage() {
    cat <<'USAGE'
usage: scripts/dev.sh COMMAND

  up [--demo]
              install what is missing, build, and run stratslabd (on 127.0.0.1:8000) and backtestd
              in the foreground, with a private PostgreSQL under .dev/ (unless DATABASE_URL is
              set). What you save is built and loaded. Ctrl-C ends all of it; the data is there the
              next time. --demo brings in a made-up market, strategies and backtests
  docs        install npm if it is missing, and add the pages at / and /docs; a service that `up`
              has started loads them
  down        stop what an `up` left behind
  build       build, and leave the programs at build/stratslabd and build/backtestd
  run [stratslabd | backtestd] ARGUMENT...
              run a built program (stratslabd if none is named) with the settings of `up`, on its
              database: `run migrate status`, for example. If the private PostgreSQL does not run,
              it is started for as long as the program takes
  psql ARGUMENT...
              psql on that database; with a PostgreSQL of its own, as `run` has it
  test        install what is missing, build, and run every suite that can run here (ten minutes
              and more)
  test quick  run the lints, the unit tests, and the black-box tests but those of faults, browsers
              and other programs (three minutes)
  deps        install all that `test` needs (by apt, as root or with sudo)
  clean       remove build/ and .dev/; asks before it deletes a database, -y does not ask
  help        print this

`up` and `run` pass STRATSLAB_* settings on, to both programs; backtestd's STRATSLAB_ADMIN_LISTEN is
BACKTESTD_ADMIN_LISTEN here, and its DATABASE_URL is BACKTESTD_DATABASE_URL. DEV_WATCH=off leaves what
you save to `build` and `run reload`. `psql "$(cat .dev/url)"` opens the private database.
USAGE
}

# shellcheck source=scripts/dev/say.sh
. "$top/scripts/dev/say.sh"
# shellcheck source=scripts/dev/process.sh
. "$top/scripts/dev/process.sh"
# shellcheck source=scripts/dev/place.sh
. "$top/scripts/dev/place.sh"
# shellcheck source=scripts/dev/packages.sh
. "$top/scripts/dev/packages.sh"
# shellcheck source=scripts/dev/cluster.sh
. "$top/scripts/dev/cluster.sh"

# do_deps TABLE
do_deps() {
    step "packages"
    began=$(date +%s)
    install_needs "$1"
    say "    everything needed is installed ($(elapsed "$began"))"
}

# ---------------------------------------------------------------- build

# Reads what make says: tells how many of so many files are compiled, and passes on every other line.
follow_make() { # COUNT
    status=1 compiled=0
    while IFS= read -r line; do
        case $line in
        'ended: '*) status=${line#ended: } ;;
        '  CC '*)
            compiled=$((compiled + 1))
            if [ $compiled -le "$1" ]; then tell compiling $compiled "$1"; fi
            ;;
        '  '[A-Z]*) ;;
        *) tell_end && printf '%s\n' "$line" >&2 ;;
        esac
    done
    tell_end
    return "$status"
}

run_make() { # TARGET…
    count=$(make -n "$@" 2>/dev/null | grep -c 'echo "  CC' || :)
    { flock .making make -s -j"$(nproc)" --no-print-directory "$@" 2>&1 && echo 'ended: 0' || echo 'ended: 1'; } | follow_make "$count"
}

do_build() { # [up]
    for=${1:-}
    step "build"
    began=$(date +%s)
    cd "$top"
    if [ -f config.status ]; then
        die "the sources are configured in place, so they cannot be built in build/: run make distclean first"
    fi
    newer=$(find configure.ac Makefile.am src tests sql man etc examples docs docs-ui web-ui -name '*.a[mc]' -newer Makefile.in 2>/dev/null || :)
    if [ ! -x configure ] || [ ! -f Makefile.in ] || [ -n "$newer" ]; then
        say "    autoreconf"
        said=$(autoreconf -i 2>&1) || die "autoreconf failed: $said"
        touch Makefile.in # which it leaves as old as it was if nothing comes of the change
    fi
    # A build folder that came along from elsewhere (a moved checkout, another container) is of no use.
    if [ -f "$build/Makefile" ] && ! grep -qFx "abs_top_srcdir = $top" "$build/Makefile"; then
        say "    build/ belongs to another checkout: starting afresh"
        rm -rf "$build"
    fi
    mkdir -p "$build"
    cd "$build"
    # What configure finds or does without.
    found=$(for need in cmd:npm pc:cunit; do if has $need; then echo $need; fi; done)
    if [ ! -f Makefile ] || [ "$found" != "$(cat .found 2>/dev/null)" ]; then
        say "    configure"
        if has cmd:npm; then set --; else set -- --without-docs-ui; fi
        "$top/configure" --quiet "$@" >&2
        echo "$found" >.found
    fi
    if [ "$for" = up ]; then
        run_make stratslabd backtestd || die "the programs do not build (above)"
        # For the pages npm asks its registry once. `up` goes without if that cannot be reached.
        if has cmd:npm && ! run_make web-ui/stamp docs-ui/stamp; then say "    npm could not bring the pages (above): going on without them"; fi
    else
        run_make all || die "the build failed (above)"
    fi
    say "    the programs are at build/stratslabd and build/backtestd ($(elapsed "$began"))"
}

# ---------------------------------------------------------------- the daemons

# Prints the number of the daemon that an `up` of this checkout started, if it runs: our_daemon PROGRAM. A copy of a checkout has
# the file too.
our_daemon() {
    [ -f "$dev/$1" ] && read -r pid when <"$dev/$1" || return 1
    [ -n "$when" ] && [ "$(started_at "$pid")" = "$when" ] && ! is_corpse "$pid" || return 1
    [ "$(program_of "$pid")" = "$(readlink -f "$build")/$1" ] && echo "$pid"
}

stop_daemon() { # PROGRAM
    pid=$(our_daemon "$1") || return 0
    say "stopping $1 ($pid)"
    rm -f "$dev/$1"
    if ! end_process "$pid" TERM $stop_seconds; then
        say "$1 did not end within $stop_seconds s: killing it"
        end_process "$pid" KILL 5 || :
    fi
}

do_down() {
    stop_daemon backtestd
    stop_daemon stratslabd
    stop_cluster
    say "nothing of this checkout runs"
}

# The settings of `up` and `run`, but for the database's.
export_settings() {
    export STRATSLAB_LISTEN="${STRATSLAB_LISTEN:-127.0.0.1:8000}"
    export STRATSLAB_ENVIRONMENT="${STRATSLAB_ENVIRONMENT:-development}"
    export STRATSLAB_AUTH="${STRATSLAB_AUTH:-off}"
    export STRATSLAB_MIGRATIONS_DIR="${STRATSLAB_MIGRATIONS_DIR:-$top/sql/migrations}"
    export STRATSLAB_DOCS_DIR="${STRATSLAB_DOCS_DIR:-$build/docs-ui/files}"
    export STRATSLAB_UI_DIR="${STRATSLAB_UI_DIR:-$build/web-ui/files}"
    backtestd_admin=${BACKTESTD_ADMIN_LISTEN:-127.0.0.1:8081}
}

# Which database, and as whom: as in the stack in containers, neither program serves as a role that owns anything. Candles are
# imported as the API's role.
export_database() { # PROGRAM [COMMAND]
    if [ "$1" = backtestd ]; then export STRATSLAB_ADMIN_LISTEN="$backtestd_admin"; fi
    if [ -n "$given_url" ]; then
        if [ "$1" = backtestd ]; then export DATABASE_URL="${BACKTESTD_DATABASE_URL:-$given_url}"; fi
        return
    fi
    unset MIGRATE_DATABASE_URL MIGRATE_DATABASE_URL_FILE MIGRATE_POSTGRES_USER MIGRATE_POSTGRES_PASSWORD
    case $1:${2:-} in
    backtestd:candles) DATABASE_URL=$(cat "$dev/api-url") ;;
    backtestd:*) DATABASE_URL=$(cat "$dev/backtesting-url") ;;
    *) DATABASE_URL=$(cat "$dev/api-url") && export MIGRATE_DATABASE_URL_FILE="$dev/url" ;;
    esac
    export DATABASE_URL
}

# Where backtestd keeps candles that it has read. As root, the workers are another user, who may have no way there: then without.
make_cache() {
    if [ -n "${STRATSLAB_CACHE_DIR+set}" ]; then return; fi
    mkdir -p "$dev/cache"
    chmod 700 "$dev/cache"
    if [ "$(id -u)" = 0 ]; then
        user=$(id -u "${STRATSLAB_USER:-stratslab}" 2>/dev/null || id -u nobody)
        chown -R "$user" "$dev/cache"
        setpriv --reuid="$user" --clear-groups test -w "$dev/cache" || return 0
    fi
    export STRATSLAB_CACHE_DIR="$dev/cache"
}

# What `up` starts has a session of its own, so that Ctrl-C reaches this script alone and is passed on once: a second signal means
# "at once" to a daemon. It must not outlive the script either way (pdeathsig).
start_apart() { setsid setpriv --pdeathsig TERM "$@" </dev/null & }

start_stratslabd() {
    start_apart "$build/stratslabd" serve
    stratslabd=$!
    echo "$stratslabd $(started_at "$stratslabd")" >"$dev/stratslabd"
}

# backtestd comes when the schema is there, which the API's start migrates: else its log begins with what is not there yet. A service
# that is not well by then (a database that is slow, no admin port) is not waited for.
await_schema() {
    tenths=600
    until [ $tenths = 0 ] || [ $signals -gt 0 ] || [ ! -d "/proc/$stratslabd" ] || is_corpse "$stratslabd" ||
        "$build/stratslabd" health >/dev/null 2>&1; do
        sleep 0.1
        tenths=$((tenths - 1))
    done
}

# Its lines get its name before them. That their end has come is told by whoever reads them.
start_backtestd() {
    rm -f "$dev/lines"
    mkfifo -m 600 "$dev/lines"
    # shellcheck disable=SC2016 # for the other shell
    setsid sh -c 'sed -u "s/^/backtestd: /" <"$1/lines"
        if [ -e "$1/backtestd" ]; then echo "dev.sh: backtestd has ended (above); the API serves on, and backtests wait"; fi' sh "$dev" >&2 &
    reader=$!
    (
        export_database backtestd
        make_cache
        exec setsid setpriv --pdeathsig TERM "$build/backtestd" serve </dev/null >"$dev/lines" 2>&1
    ) &
    backtestd=$!
    echo "$backtestd $(started_at "$backtestd")" >"$dev/backtestd"
}

# Waits for the end of a child that is signalled by the trap, and sets `status` to how it ended.
await_end() { # PID
    while :; do
        before=$signals
        status=0
        wait "$1" || status=$?
        if [ "$signals" = "$before" ] || [ ! -d "/proc/$1" ]; then break; fi
    done
    # A signal may have come at the very moment of its end.
    if [ "$status" -gt 128 ] && [ "$signals" != "$before" ]; then
        status=0
        wait "$1" || status=$?
        if [ "$status" = 127 ]; then status=0; fi
    fi
}

# What the trap of `up` does. Without its file, the end of backtestd is no surprise.
end_daemons() {
    rm -f "$dev/backtestd"
    # shellcheck disable=SC2086 # one word a process, or none
    kill -TERM $stratslabd $backtestd 2>/dev/null || :
}

# Each with what it has started.
stop_helpers() {
    for helper in $helpers; do kill -TERM "-$helper" 2>/dev/null || :; done
    helpers=
}

# The address of the API for a client on this machine.
api_url() {
    for address in $(echo "$STRATSLAB_LISTEN" | tr , ' '); do
        case $address in
        unix:*) ;;
        '*':* | 0.0.0.0:* | '[::]':*) echo "http://127.0.0.1:${address##*:}" && return ;;
        *) echo "http://$address" && return ;;
        esac
    done
    return 1
}

# Where a browser finds the lab. Without npm there is no page, and the API is what serves.
tell_lab() {
    if ! lab=$(api_url) || [ $signals -gt 0 ]; then return; fi
    if [ -f "$STRATSLAB_UI_DIR/list" ]; then
        say "    the lab is at $lab/ in a browser"
    else
        say "    $lab/ in a browser only links the API so far: $0 docs, in another terminal, makes it the lab (npm is 230 MB if it is missing)"
    fi
}

do_up() { # [--demo]
    case ${1:-} in
    '' | --demo) ;;
    *) die "\"$1\" is not an argument of up: it takes none, or --demo" ;;
    esac
    for program in stratslabd backtestd; do
        if pid=$(our_daemon $program); then die "$program is up already (process $pid); $0 down stops it"; fi
    done
    steps=4
    if [ -n "${DATABASE_URL:-}" ]; then
        do_deps "$up_needs"
    else
        check_version
        do_deps "$up_needs $server_needs"
    fi
    mkdir -p "$dev"
    touch "$dev/looked"
    do_build up
    stratslabd='' backtestd='' helpers=''
    signals=0
    trap 'signals=$((signals + 1)); [ -n "$stratslabd" ] || exit 130; end_daemons' INT TERM HUP
    step "PostgreSQL"
    if [ -n "${DATABASE_URL:-}" ]; then
        say "    using DATABASE_URL"
        trap stop_helpers EXIT
    else
        trap 'stop_helpers; stop_cluster' EXIT
        start_cluster
    fi
    export_settings
    if [ "${1:-}" ] && ! url=$(api_url); then die "--demo asks the API by TCP, and STRATSLAB_LISTEN has no such address"; fi
    step "the API on $STRATSLAB_LISTEN, and backtestd beside it; Ctrl-C ends both"
    export_database stratslabd
    start_stratslabd
    await_schema
    start_backtestd
    tell_lab
    if [ "${DEV_WATCH:-auto}" != off ]; then
        start_apart sh "$top/scripts/dev/watch" "$build" "$dev" "$backtestd_admin"
        helpers=$!
    fi
    if [ "${1:-}" ]; then
        start_apart sh "$top/scripts/demo" "$url"
        helpers="$helpers $!"
    fi
    if [ $signals -gt 0 ]; then end_daemons; fi # one that came before they were known
    await_end "$stratslabd"
    ended=$status
    rm -f "$dev/stratslabd"
    stop_helpers
    if [ $signals = 0 ]; then end_daemons; fi
    await_end "$backtestd"
    wait "$reader" || :
    say "the API ended with status $ended"
    exit "$ended"
}

# The private PostgreSQL: the one that runs, or one for as long as this script.
use_cluster() {
    if find_cluster && cluster_runs; then
        learn_address
        if [ ! -s "$dev/backtesting-url" ]; then # an earlier version's `up` has started it
            make_roles
            learn_address
        fi
    else
        trap stop_cluster EXIT
        start_cluster
    fi
}

do_run() { # [stratslabd | backtestd] ARGUMENT…
    program=stratslabd
    case ${1:-} in
    stratslabd | backtestd) program=$1 && shift ;;
    esac
    if [ ! -x "$build/$program" ]; then die "build/$program is missing: $0 build makes it"; fi
    export_settings
    if [ "$program" = backtestd ]; then export STRATSLAB_ADMIN_LISTEN="$backtestd_admin"; fi
    if [ -n "$given_url" ]; then
        export_database "$program"
    elif find_cluster; then
        use_cluster
        export_database "$program" "${1:-}"
    fi
    status=0
    "$build/$program" "$@" || status=$?
    if [ $status = 69 ] && [ -z "${DATABASE_URL:-}" ]; then say "this checkout has no PostgreSQL yet: $0 up makes one"; fi
    exit $status
}

do_psql() { # ARGUMENT…
    if [ -z "${DATABASE_URL:-}" ]; then
        check_version
        if [ -n "$(missing "$server_needs")" ]; then do_deps "$server_needs"; fi
        use_cluster
        DATABASE_URL=$(cat "$dev/url")
    fi
    status=0
    psql -d "$DATABASE_URL" "$@" || status=$?
    exit $status
}

# The pages are for a browser alone, and npm brings what they need: `up` goes without, so that it need not install npm.
do_docs() {
    steps=2
    do_deps "$build_needs $docs_needs"
    do_build
    if pid=$(our_daemon stratslabd); then
        kill -HUP "$pid"
        say "the running service loads them"
    fi
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
# 77 if it cannot run.
count_apart() {
    suite=$1 ended=$2
    if [ "$ended" = 77 ]; then
        missed="$missed, tests/$suite (its words are above)"
        return
    fi
    # shellcheck disable=SC2046 # three numbers
    set -- $(totals_of "$scratch/$suite")
    if [ "$ended" != 0 ] && [ "$2" = 0 ]; then set -- "$1" 1 "$3"; fi # it failed at something that is not a test
    add "$@"
    ran="$ran, $suite $(($1 + $2 + $3)) tests"
}

# What others make of the OpenAPI document (openapi), and of what the lab computes (lab).
run_apart() { # SUITE
    status=0
    "$top/tests/$1/run" >"$scratch/$1" 2>&1 || status=$?
    cat "$scratch/$1"
    count_apart "$1" $status
}

# The container tests wait more than they work, so they run beside the others. How far they are is said as it comes, the
# rest of what they say after the others'.
start_docker_tests() {
    : >"$scratch/docker"
    "$top/tests/docker/run" >"$scratch/docker" 2>&1 &
    docker_tests=$!
    tail -n +1 -f --pid=$docker_tests "$scratch/docker" | grep --line-buffered '^docker tests: ' &
}

finish_docker_tests() {
    say "    waiting for the container tests"
    status=0
    wait "$docker_tests" || status=$?
    docker_tests=
    grep -v '^docker tests: ' "$scratch/docker" || :
    count_apart docker $status
}

end_test() {
    if [ -n "$docker_tests" ]; then
        kill -TERM "$docker_tests" 2>/dev/null || :
        wait "$docker_tests" || :
    fi
    rm -rf "$scratch"
}

check() { # VARIABLE=VALUE…
    { env "$@" make -C "$build" --no-print-directory -s check 2>&1 || :; } | tee "$scratch/check"
    # shellcheck disable=SC2046 # three numbers
    add $(totals_of "$scratch/check")
    ran=$(sed -n 's/^suites: //p' "$scratch/check" | tail -n 1)
}

run_lints() {
    for lint in $lints; do
        status=0
        "$top/tests/lint/$lint" || status=$?
        case $status in
        0) add 1 0 0 && ran="$ran, lint $lint" ;;
        77) add 0 0 1 ;;
        *) add 0 1 0 && ran="$ran, lint $lint" && echo "lint $lint: FAILED" >>"$scratch/check" ;;
        esac
    done
}

do_test() { # [quick]
    steps=4
    case ${1:-} in
    '') needs=$test_needs ;;
    quick) needs=$quick_needs ;;
    *) die "\"$1\" is not an argument of test: it takes none, or quick" ;;
    esac
    do_deps "$needs"
    do_build
    step "the tests' own programs"
    began=$(date +%s)
    run_make check-programs || die "the tests do not build (above)"
    say "    built ($(elapsed "$began"))"
    if ! has debian-server:; then
        STRATSLAB_TEST_PGBIN=$(server_programs)
        export STRATSLAB_TEST_PGBIN
        cluster= # so that it is asked for whom the tests run it as
        as_postgres test -x "$STRATSLAB_TEST_PGBIN/postgres" ||
            die "the server in $STRATSLAB_TEST_PGBIN belongs to another user: run this as that user, or run $0 deps first"
    fi
    scratch=$(mktemp -d)
    docker_tests='' passed=0 failed=0 skipped=0
    trap end_test EXIT
    trap 'exit 130' INT TERM HUP
    if [ "${1:-}" = quick ]; then
        step "lints, unit tests, and the black-box tests that are quick"
        missed="the other suites, which $0 test runs"
        check QUICK=yes
    else
        step "suites: lints, unit, black box, OpenAPI, lab, and beside them the stack in containers"
        missed="sanitizers, clang, valgrind, fuzz targets, distcheck, bare machines (bash .ci/run runs them), tests/bench (it measures, and judges nothing)"
        start_docker_tests
        check
        run_lints
        run_apart openapi
        run_apart lab
        finish_docker_tests
    fi
    echo
    grep -hE '(^| )FAILED( |$)|^[^ ]+\.c:[0-9]+: ' "$scratch/check" "$scratch/openapi" "$scratch/lab" "$scratch/docker" 2>/dev/null |
        grep -E '^(black box|openapi tests|docker tests|(lint|lab|unit) [a-z_]+): FAILED|\.c:' | sort -u || :
    echo "ran, in $(elapsed): $ran"
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
    if find_cluster_folder; then rm -rf "$cluster"; fi
    rm -rf "$build" "$dev"
    say "removed build/ and .dev/"
}

case ${1:-} in
up | docs | build | run | psql | test | deps)
    check_path
    check_owner "$1"
    ;;
down | clean) check_owner "$1" ;;
esac
trap 'exit 130' INT TERM HUP # when what runs has ended: apt-get finishes what it installs
case ${1:-} in
up) do_up "${2:-}" ;;
docs) do_docs ;;
down) do_down ;;
build) steps=1 && do_build ;;
run)
    shift
    do_run "$@"
    ;;
psql)
    shift
    steps=1 && do_psql "$@"
    ;;
test) do_test "${2:-}" ;;
deps) steps=1 && do_deps "$test_needs" ;;
clean) do_clean "${2:-}" ;;
help | --help | -h) usage ;;
*)
    usage >&2
    exit 64
    ;;
esac
