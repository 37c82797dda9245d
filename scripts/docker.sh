#!/bin/sh
# The stack in containers, with whichever Compose is there: see usage below.
set -eu

top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P && echo .)
top=${top%??} # a line end at the end of a path is part of it
up_seconds=300

usage() {
    cat <<'USAGE'
usage: scripts/docker.sh COMMAND [ARGUMENT…]

  up         start the stack and follow its log; Ctrl-C stops it
  up-d       start it in the background, and wait until its services are healthy
  demo       bring a made-up market, strategies and backtests into the stack that runs, and print
             where to look; doing it again is harmless
  down       stop and remove the containers; data stays (-v removes the volumes too)
  ps         print what runs
  health     print how each service is, and what is wrong with the last edit if it is not served;
             the exit status is 0 if all services are well
  logs       print the log of all services (-f follows)
  logs-api   print the log of the API service
  logs-backtesting
             print the log of backtesting-service, which computes the backtests
  logs-db    print the log of the database
  exec-api   open a shell in the API service's container, or run a command there:
             exec-api stratslabd status
  exec-backtesting
             the same in backtesting-service's container: exec-backtesting backtestd status
  exec-db    open psql on the stack's database, or run it with arguments:
             exec-db -c 'SELECT 1'
  test       run make check inside the container
  rebuild    build the images anew, and start what changed (--no-cache builds every layer)
  clean      remove the containers, the volumes with all DATA, and the images built here; asks
             first, -y does not ask
  doctor     look for what could keep the stack from running: engine, Compose, ports, checkout,
             volume, password, .env, the service's settings, the last edit
  help       print this

Images that it builds have the version and the commit of the checkout in their labels.
Further arguments go to Compose, or to the program that is run.

Compose is `docker compose` if that works, else docker-compose; COMPOSE="docker-compose" picks one.
The project is named stratslab, unless COMPOSE_PROJECT_NAME, in the environment or in .env, says
otherwise. COMPOSE_FILE=docker-compose.prod.yml is for the production file.
USAGE
}

say() { printf 'docker.sh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# What .env says of a variable, as Compose reads it: an "export" before it, quotes, and a comment behind it are no part of it; ${NAME}
# in it stands for another one (one level of these). The environment wins.
# shellcheck disable=SC2016 # ${NAME} as it stands in the file
setting() {
    value=$(printenv "$1" || :)
    if [ -z "$value" ]; then value=$(env_file_value "$1"); fi
    case $value in
    *'${'*'}'*)
        inner=${value#*'${'}
        inner=${inner%%'}'*}
        case ${inner%%:-*} in
        *[!A-Za-z0-9_]* | '' | "$1") ;;
        *)
            other=$(printenv "${inner%%:-*}" || env_file_value "${inner%%:-*}")
            case $inner in *:-*) other=${other:-${inner#*:-}} ;; esac
            value=${value%%'${'*}$other${value#*'}'}
            ;;
        esac
        ;;
    esac
    printf '%s\n' "${value:-$2}"
}

env_file_value() {
    if [ ! -f "$top/.env" ]; then return; fi
    sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" "$top/.env" | tail -n 1 | tr -d '\r' |
        sed "s/^\"\([^\"]*\)\"[[:space:]]*\(#.*\)\{0,1\}\$/\1/; t
            s/^'\([^']*\)'[[:space:]]*\(#.*\)\{0,1\}\$/\1/; t
            s/[[:space:]]\{1,\}#.*\$//; s/[[:space:]]*\$//"
}

find_compose() {
    if [ -n "${COMPOSE:-}" ]; then return; fi
    command -v docker >/dev/null || die "there is no docker command. On Debian: apt install docker.io docker-compose; elsewhere see docs.docker.com/engine/install"
    if docker compose version >/dev/null 2>&1; then
        COMPOSE='docker compose'
    elif command -v docker-compose >/dev/null; then
        COMPOSE=docker-compose
    else
        die "there is no Compose: install the plugin (docker compose) or docker-compose 1.29 or newer"
    fi
}

compose() {
    # shellcheck disable=SC2086 # "docker compose" is two words
    $COMPOSE "$@"
}

engine_answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

need_engine() {
    engine_answers >/dev/null && return
    docker version --format . >/dev/null 2>"$scratch" || :
    cat "$scratch" >&2
    if grep -qi 'permission denied' "$scratch"; then
        die "you may not use the engine: join its group (sudo usermod -aG docker $(id -un), and log in again), or use sudo"
    fi
    die "no Docker engine answers: start it (sudo systemctl start docker, or Docker Desktop)"
}

# The containers of a service, also those that have ended (Compose 2 does not list these); the newest first.
containers() {
    docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" --filter "label=com.docker.compose.service=$1" \
        --filter label=com.docker.compose.oneoff=False 2>/dev/null
}
container() { containers "$1" | head -n 1; }
state() { docker inspect -f '{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}' "$1" 2>/dev/null || :; }

# Compose 1.29 says nothing if it cannot exec.
need_running() { # SERVICE WORDS
    now=$(state "$(container "$1" | grep . || echo none)")
    case $now in
    running*) ;;
    '') die "$2 is not there: scripts/docker.sh up-d starts the stack" ;;
    *) die "$2 does not run (it is ${now%% *}): scripts/docker.sh logs shows why, scripts/docker.sh up-d starts it" ;;
    esac
}

need_containers() {
    if [ -z "$(containers api)$(containers backtesting-service)$(containers postgres)" ]; then
        die "project $COMPOSE_PROJECT_NAME has no containers, so there is nothing to show: scripts/docker.sh up-d starts the stack"
    fi
}

# What the development container keeps of an edit that it could not build or load; nothing if there is no such.
failed_build() { docker exec "$1" cat /tmp/stratslab-dev.failed 2>/dev/null || :; }

# Who listens on a port of this machine; nothing if nobody does.
port_holder() { # PORT ADDRESS
    holder=$(docker ps --filter "publish=$1" --format '{{.Names}}' 2>/dev/null | head -n 1)
    if [ -n "$holder" ]; then
        echo "container $holder"
    elif command -v ss >/dev/null; then
        # Who listens on another address only is not in the way.
        ss -Hltnp "sport = :$1" 2>/dev/null | awk -v bind="$2" '
            { address = $4; sub(/:[0-9]+$/, "", address) }
            address == bind || bind == "0.0.0.0" || address ~ /^(0\.0\.0\.0|\*|\[::\])$/ { print; exit }' | sed -n 's/.*users:((\([^,]*\),pid=\([0-9]*\).*/\1, process \2/p; t; s/.*/somebody else (root may see who: ss -ltnp)/p'
    elif command -v lsof >/dev/null; then
        lsof -nP -iTCP:"$1" -sTCP:LISTEN -Fpc 2>/dev/null | sed -n 's/^p/process /p; s/^c//p' | tr '\n' ' '
    else
        # Address, then port, in hexadecimal; 0A is LISTEN.
        hex=$(printf '%04X' "$1")
        if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F:]* 0A "; then echo "somebody"; fi
    fi
}

# The ports that the stack publishes, as Compose understands all its files: SERVICE ADDRESS PORT, or PORT-PORT, a line each. Compose
# 1.29 prints most of them short (address:published:target/protocol), Compose 2 long (a key a line), and either may quote.
published_ports() {
    compose config 2>/dev/null | tr -d "\"'" | awk '
        function flush() {
            if (published != "" && published != "0") print service, (address == "" ? "0.0.0.0" : address), published
            published = address = ""
        }
        { match($0, /^ */); indent = RLENGTH }
        indent == 0 && NF { flush(); in_services = $1 == "services:"; service = ""; in_ports = 0; next }
        in_services && indent == 2 { flush(); service = $1; sub(/:$/, "", service); in_ports = 0; next }
        in_services && indent == 4 && $1 == "ports:" { flush(); in_ports = 1; next }
        in_ports && indent <= 4 && $1 != "-" { flush(); in_ports = 0; next }
        !in_ports { next }
        $1 == "-" && $2 !~ /:$/ { # short
            flush()
            text = $2
            sub(/\/[a-z]*$/, "", text)
            if (!sub(/:[^:]*$/, "", text)) next # no port of this machine is asked for
            published = text
            sub(/^.*:/, "", published)
            address = text
            if (!sub(/:[^:]*$/, "", address)) address = ""
            gsub(/[][]/, "", address)
            flush()
            next
        }
        $1 == "-" { flush(); $1 = ""; $0 = $0 }
        $1 == "published:" { published = $2 }
        $1 == "host_ip:" { address = $2 }
        END { flush() }'
}

# The variable that a service's port comes from.
port_variable() {
    case $1 in api) echo API_PORT ;; postgres) echo DB_PORT ;; *) echo "the port of $1" ;; esac
}

# A line for each port that others than this stack have taken.
taken_ports() {
    published_ports | while read -r service address value; do
        case $value in *[!0-9-]* | '' | -* | *-) continue ;; esac
        port=${value%-*}
        last=${value#*-}
        if [ $((last - port)) -gt 100 ]; then last=$port; fi
        case $(state "$(container "$service" | grep . || echo none)") in running*) continue ;; esac
        while [ "$port" -le "$last" ]; do
            who=$(port_holder "$port" "$address")
            if [ -n "$who" ]; then
                echo "port $port is in use by $who: stop that, or set $(port_variable "$service") to another port in .env"
            fi
            port=$((port + 1))
        done
    done
}

# Docker takes a path to a colon for two.
bad_path() {
    case $top in *:*) echo "the path of this checkout has a : in it, where Docker splits it: move it (mv): $top" ;; *) false ;; esac
}

# --scale api=N needs N ports of this machine.
check_scale() {
    count=$(printf '%s\n' "$@" | sed -n 's/^\(--scale=\)\{0,1\}api=\([0-9][0-9]*\)$/\2/p' | tail -n 1)
    if [ "${count:-1}" -le 1 ]; then return; fi
    range=$(published_ports | sed -n 's/^api [^ ]* //p' | head -n 1)
    range=${range:-$(setting API_PORT 8000)}
    case $range in *[!0-9-]*) return ;; esac
    if [ $((${range#*-} - ${range%-*} + 1)) -lt "$count" ]; then
        die "$count API services need $count ports, and API_PORT is $range: set it to a range," \
            "API_PORT=${range%-*}-$((${range%-*} + count - 1)), or put a proxy in front (docs/containers.md, more than one)"
    fi
}

# As whoever runs this, root too, in a checkout of whoever owns it.
git_here() { git -c safe.directory="$top" -C "$top" "$@" 2>/dev/null; }

# compose build, with what the labels of images say. Not by variables of the compose file: Compose 1.29 would make containers anew
# whenever one changes.
build_images() { # ARGUMENT…
    version=$(setting VERSION unknown)
    revision=$(setting REVISION unknown)
    created=$(setting CREATED unknown)
    if [ "$version" = unknown ]; then version=$(sed -n 's/^AC_INIT(\[[^]]*\], *\[\([^]]*\)\].*/\1/p' "$top/configure.ac"); fi
    if [ "$revision" = unknown ] && [ "$(git_here rev-parse --show-toplevel)" = "$top" ] && head=$(git_here rev-parse --verify HEAD); then
        revision=$head$(git_here diff --quiet HEAD || echo -modified)
    fi
    if [ "$created" = unknown ]; then created=$(date -u +%Y-%m-%dT%H:%M:%SZ); fi
    compose build --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created" "$@"
}

is_production() { case ${COMPOSE_FILE:-} in *prod*) true ;; *) false ;; esac }

wait_healthy() { # SERVICE WORDS
    left=$((up_seconds * 2))
    while [ $left -gt 0 ]; do
        all=well
        for id in $(containers "$1" | grep . || echo none); do
            now=$(state "$id")
            case $now in
            'running healthy') ;;
            exited* | dead* | '')
                compose logs --tail=30 "$1" >&2
                die "$2 has ended; the end of its log is above. scripts/docker.sh doctor may know why"
                ;;
            *) all="$now" ;;
            esac
        done
        if [ "$all" = well ]; then return 0; fi
        sleep 0.5
        left=$((left - 1))
    done
    compose logs --tail=30 "$1" >&2
    die "$2 is not healthy after $up_seconds s ($all); the end of its log is above"
}

do_up() {
    need_engine
    if ! is_production && problem=$(bad_path || closed_checkout); then die "$problem"; fi
    check_scale "$@"
    taken=$(taken_ports)
    if [ -n "$taken" ]; then die "$taken"; fi
    if is_production; then image=$(setting API_IMAGE stratslab-api:latest); else image=stratslab-api:dev; fi
    case " $* " in
    *' --no-build '*) ;;
    *' --build '*) build_images ;; # compose up finds all of it in the cache, but would label it anew
    *) if ! image_is_here "$image"; then build_images; fi ;;
    esac
    for argument in "$@"; do
        shift
        if [ "$argument" != --build ]; then set -- "$@" "$argument"; fi
    done
    if grep -q '^DATABASE_URL=.' "$top/.env" 2>/dev/null; then
        say "DATABASE_URL in .env is not used any more: its name is now STACK_DATABASE_URL (scripts/docker.sh doctor has more)"
    fi
    compose up "$@" && return
    status=$?
    for id in $(containers roles | head -n 1); do
        # Compose says no more than that it has ended.
        if [ "$(docker inspect -f '{{.State.ExitCode}}' "$id")" != 0 ]; then docker logs --tail 10 "$id" >&2; fi
    done
    return $status
}

# Whether `up` with these arguments starts backtesting-service: with all services, or named.
starts_backtesting() { # ARGUMENT…
    case " $* " in
    *[' =']'backtesting-service=0 '*) return 1 ;;
    *' backtesting-service '*) ;;
    *' api '* | *' postgres '*) return 1 ;;
    esac
    [ -n "$(containers backtesting-service)" ]
}

do_up_d() {
    do_up -d "$@"
    wait_healthy api "the API service"
    if starts_backtesting "$@"; then wait_healthy backtesting-service backtesting-service; fi
    for id in $(containers api); do
        say "up: $(api_url "$id")/health"
    done
}

# Another APP_UID than before cannot write what the volume holds, which can all be made again.
drop_foreign_cache() {
    cache=${COMPOSE_PROJECT_NAME}_build_cache
    if is_production || ! docker volume inspect "$cache" >/dev/null 2>&1; then return; fi
    owner=$(docker run --rm --network none -v "$cache:/cache:ro" --entrypoint stat stratslab-api:dev -c %u /cache 2>/dev/null || :)
    if [ "${owner:-$(setting APP_UID 10001)}" = "$(setting APP_UID 10001)" ]; then return; fi
    say "removing the volume $cache: it belongs to user $owner, and the image is now for user $(setting APP_UID 10001)"
    compose stop api backtesting-service && compose rm -f api backtesting-service
    docker volume rm "$cache" >/dev/null
}

do_health() {
    need_engine
    status=0
    for service in api backtesting-service postgres; do
        ids=$(containers $service)
        for id in ${ids:-none}; do
            now=$(state "$id")
            printf '%-19s %s\n' "$service" "${now:-not there}"
            if [ "$now" != 'running healthy' ]; then status=1; fi
        done
    done
    for service in backtesting-service api; do
        for id in $(containers $service); do
            case $(state "$id") in running*) ;; *) continue ;; esac
            if [ $service = api ]; then
                docker exec "$id" stratslabd health || status=1
            else
                docker exec "$id" backtestd health >/dev/null || status=1
            fi
            failed_build "$id" # last, so that it is seen
        done
    done
    if [ -z "$(containers api)$(containers backtesting-service)$(containers postgres)" ]; then say "nothing of project $COMPOSE_PROJECT_NAME is there: scripts/docker.sh up-d starts the stack"; fi
    return $status
}

# The address of the API for this machine.
api_url() { echo "http://127.0.0.1:$(docker port "$1" 8000/tcp | head -n 1 | sed 's/.*://')"; }

do_demo() {
    need_engine
    need_running api "the API service"
    need_running backtesting-service backtesting-service
    url=$(api_url "$(container api)")
    sh "$top/scripts/demo" "$url"
}

do_clean() {
    need_engine
    if [ "${1:-}" = -y ]; then
        shift
    else
        printf 'docker.sh: this deletes the containers and the DATA of project %s. Go on? [y/N] ' "$COMPOSE_PROJECT_NAME" >&2
        answer=
        read -r answer || :
        case $answer in [yY]*) ;; *) die "nothing was removed (clean -y does not ask)" ;; esac
    fi
    compose down --volumes --remove-orphans --rmi local "$@"
    # Images with a name of ours are not "local" to Compose.
    docker image rm stratslab-api:dev >/dev/null 2>&1 || :
}

# shellcheck source=scripts/docker/doctor.sh
. "$top/scripts/docker/doctor.sh"

command=${1:-help}
if [ $# -gt 0 ]; then shift; fi
case $command in
help | --help | -h) usage && exit ;;
up | up-d | demo | down | ps | health | logs | logs-api | logs-backtesting | logs-db | exec-api | exec-backtesting | exec-db | test | rebuild | \
    clean | doctor) ;;
*)
    say "\"$command\" is not a command"
    usage >&2
    exit 64
    ;;
esac

cd "$top"
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
find_compose
COMPOSE_PROJECT_NAME=$(setting COMPOSE_PROJECT_NAME stratslab)
export COMPOSE_PROJECT_NAME

# Without a terminal, Compose must not be asked for one.
tty=
if [ ! -t 0 ] || [ ! -t 1 ]; then tty=-T; fi

case $command in
up) do_up "$@" ;;
up-d) do_up_d "$@" ;;
health) do_health ;;
demo) do_demo ;;
clean) do_clean "$@" ;;
doctor) do_doctor ;;
down | ps | logs)
    need_engine
    if [ "$command" != down ]; then need_containers; fi
    compose "$command" "$@"
    ;;
logs-api)
    need_engine
    need_containers
    compose logs "$@" api
    ;;
logs-backtesting)
    need_engine
    need_containers
    compose logs "$@" backtesting-service
    ;;
logs-db)
    need_engine
    need_containers
    compose logs "$@" postgres
    ;;
exec-api)
    need_engine
    need_running api "the API service"
    if [ $# = 0 ]; then set -- bash; fi
    # shellcheck disable=SC2086 # no word, or one
    compose exec $tty api "$@"
    ;;
exec-backtesting)
    need_engine
    need_running backtesting-service backtesting-service
    if [ $# = 0 ]; then set -- bash; fi
    # shellcheck disable=SC2086 # no word, or one
    compose exec $tty backtesting-service "$@"
    ;;
exec-db)
    need_engine
    need_running postgres "the database"
    # shellcheck disable=SC2086,SC2016 # no word, or one; the container's variables
    compose exec $tty postgres sh -c 'exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"' psql "$@"
    ;;
test)
    need_engine
    # shellcheck disable=SC2086 # no word, or one
    now=$(state "$(container api | grep . || echo none)")
    if [ "${now%% *}" = running ]; then compose exec $tty api make check "$@"; else compose run --rm $tty --no-deps api make check "$@"; fi
    ;;
rebuild)
    need_engine
    build_images "$@"
    drop_foreign_cache
    do_up_d
    ;;
esac
