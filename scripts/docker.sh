#!/bin/sh
# The stack in containers, with whichever Compose is there: see usage below.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
up_seconds=300

usage() {
    cat <<'USAGE'
usage: scripts/docker.sh COMMAND [ARGUMENT…]

  up         start the stack and follow its log; Ctrl-C stops it
  up-d       start it in the background, and wait until both services are healthy
  down       stop and remove the containers; data stays (-v removes the volumes too)
  ps         print what runs
  health     print how each service is; the exit status is 0 if all are well
  logs       print the log of all services (-f follows)
  logs-api   print the log of the API service
  logs-db    print the log of the database
  exec-api   open a shell in the API service's container, or run a command there:
             exec-api stratslabd status
  exec-db    open psql on the stack's database, or run it with arguments:
             exec-db -c 'SELECT 1'
  test       run make check inside the container
  rebuild    build the images anew, and start what changed (--no-cache builds every layer)
  clean      remove the containers, the volumes with all DATA, and the images built here; asks
             first, -y does not ask
  doctor     look for what could keep the stack from running: engine, Compose, ports, volume, .env
  help       print this

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

# What .env says of a variable; the environment wins.
setting() {
    value=$(printenv "$1" || :)
    if [ -z "$value" ] && [ -f "$top/.env" ]; then value=$(sed -n "s/^$1=//p" "$top/.env" | tail -n 1 | tr -d '\r'); fi
    printf '%s\n' "${value:-$2}"
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

# The container of a service, if it runs.
container() { compose ps -q "$1" 2>/dev/null | head -n 1; }
state() { docker inspect -f '{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}' "$1" 2>/dev/null; }

# Who listens on a port of this machine; nothing if nobody does.
port_holder() {
    holder=$(docker ps --filter "publish=$1" --format '{{.Names}}' 2>/dev/null | head -n 1)
    if [ -n "$holder" ]; then
        echo "container $holder"
    elif command -v ss >/dev/null; then
        ss -Hltnp "sport = :$1" 2>/dev/null | head -n 1 | sed -n 's/.*users:((\([^,]*\),pid=\([0-9]*\).*/\1, process \2/p; t; s/.*/somebody else (root may see who: ss -ltnp)/p'
    elif command -v lsof >/dev/null; then
        lsof -nP -iTCP:"$1" -sTCP:LISTEN -Fpc 2>/dev/null | sed -n 's/^p/process /p; s/^c//p' | tr '\n' ' '
    else
        # Address, then port, in hexadecimal; 0A is LISTEN.
        hex=$(printf '%04X' "$1")
        if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q "^ *[0-9]*: [0-9A-F]*:$hex [0-9A-F:]* 0A "; then echo "somebody"; fi
    fi
}

# The variable, its default, and the service that publishes it.
ports='API_PORT 8000 api
DB_PORT 5432 postgres'

# Says which ports others than this stack have taken; 1 if one is taken.
check_ports() {
    taken=0
    while read -r variable default service; do
        port=$(setting "$variable" "$default")
        case $port in *[!0-9]* | '') continue ;; esac # a range: the engine says
        if [ -n "$(container "$service")" ] && [ "$(state "$(container "$service")" | cut -d ' ' -f 1)" = running ]; then continue; fi
        who=$(port_holder "$port")
        if [ -n "$who" ]; then
            say "port $port is in use by $who: stop that, or set $variable to another port in .env"
            taken=1
        fi
    done <<PORTS
$ports
PORTS
    return $taken
}

is_production() { case ${COMPOSE_FILE:-} in *prod*) true ;; *) false ;; esac }

wait_healthy() {
    left=$((up_seconds * 2))
    while [ $left -gt 0 ]; do
        api=$(container api)
        now=$(state "${api:-none}")
        case $now in
        'running healthy') return 0 ;;
        exited* | dead* | '')
            compose logs --tail=30 api >&2
            die "the API service has ended; the end of its log is above"
            ;;
        esac
        sleep 0.5
        left=$((left - 1))
    done
    compose logs --tail=30 api >&2
    die "the API service is not healthy after $up_seconds s ($now); the end of its log is above"
}

do_up() {
    need_engine
    if ! is_production; then check_ports || exit 1; fi
    compose up "$@"
}

do_up_d() {
    do_up -d "$@"
    wait_healthy
    say "up: http://127.0.0.1:$(setting API_PORT 8000)/health"
}

do_health() {
    need_engine
    status=0
    for service in api postgres; do
        id=$(container "$service")
        now=$(state "${id:-none}" || :)
        printf '%-9s %s\n' "$service" "${now:-not there}"
        if [ "$now" != 'running healthy' ]; then status=1; fi
    done
    if [ -n "$(container api)" ]; then compose exec -T api stratslabd health || status=1; fi
    return $status
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

ok() { printf '  ok    %s\n' "$*"; }
bad() {
    printf '  BAD   %s\n' "$*"
    problems=$((problems + 1))
}
note() { printf '  note  %s\n' "$*"; }

doctor_volume() {
    volume=${COMPOSE_PROJECT_NAME}_postgres_data
    image=$(setting POSTGRES_IMAGE postgres:15-alpine)
    docker volume inspect "$volume" >/dev/null 2>&1 || { ok "there is no volume $volume yet: the first start makes it" && return; }
    docker image inspect "$image" >/dev/null 2>&1 || { note "volume $volume exists, but $image is not here yet, so their versions cannot be compared" && return; }
    # Alpine and Debian keep the server's program at different places; both images have it on PATH.
    found=$(docker run --rm --network none -v "$volume:/volume:ro" --entrypoint sh "$image" -c \
        'cat /volume/PG_VERSION 2>/dev/null || echo none; postgres --version' 2>/dev/null) || found=
    has=$(echo "$found" | sed -n 1p)
    wants=$(echo "$found" | sed -n '2s/[^0-9]*\([0-9]*\).*/\1/p')
    case $has in
    '') note "volume $volume could not be looked into" ;;
    none) ok "volume $volume is empty: the next start makes the database" ;;
    "$wants") ok "volume $volume holds PostgreSQL $has data, as $image needs" ;;
    *) bad "volume $volume holds data of PostgreSQL $has, but $image is PostgreSQL $wants and will not start on it (docs/containers.md, upgrading)" ;;
    esac
}

doctor_env() {
    if [ ! -f "$top/.env" ]; then
        ok "there is no .env: the defaults hold"
        return
    fi
    before=$problems
    cr=$(printf '\r')
    if grep -q "$cr" "$top/.env"; then bad ".env has Windows line ends, which become part of the values"; fi
    names=$(sed -n 's/^#* *\([A-Z][A-Z0-9_]*\)=.*/\1/p' "$top/.env.docker.example")
    number=0
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        case $line in
        '' | '#'*) continue ;;
        *=*) ;;
        *) bad ".env:$number is not a NAME=VALUE line" && continue ;;
        esac
        name=${line%%=*}
        case $name in
        *[!A-Za-z0-9_]*) bad ".env:$number: \"$name\" is not a name (put no spaces around the =)" && continue ;;
        esac
        if ! echo "$names" | grep -qx "$name"; then note ".env:$number: $name is not in .env.docker.example; is it misspelt?"; fi
        case ${line#*=} in
        *' #'*) bad ".env:$number: $name: a # after a value is part of it for docker-compose 1.29" ;;
        esac
    done <"$top/.env"
    for name in API_PORT DB_PORT; do
        case $(setting $name 1) in
        *[!0-9-]*) bad "$name is not a port: $(setting $name 1)" ;;
        esac
    done
    if command -v git >/dev/null && [ -n "$(cd "$top" && git ls-files .env 2>/dev/null)" ]; then bad ".env is in git, with its secrets: git rm --cached .env"; fi
    if [ "$problems" = "$before" ]; then ok ".env can be read"; fi
}

do_doctor() {
    problems=0
    if version=$(engine_answers); then
        ok "engine $version answers"
    else
        bad "no engine answers: $(docker version --format . 2>&1 | tail -n 1)"
    fi
    version=$(compose version --short 2>/dev/null | sed 's/^v//')
    case $version in
    1.29.* | [2-9].* | [1-9][0-9].*) ok "Compose is $COMPOSE, $version" ;;
    *) bad "Compose is $COMPOSE, $version: 1.29 or newer is needed" ;;
    esac
    if problem=$(compose config -q 2>&1); then ok "the compose file is valid with these settings"; else bad "the compose file: $problem"; fi
    if engine_answers >/dev/null; then
        if check_ports; then ok "the ports are free, or held by this stack"; else problems=$((problems + 1)); fi
        doctor_volume
    fi
    doctor_env
    if [ "$(setting BIND_ADDRESS 127.0.0.1)" != 127.0.0.1 ] && [ "$(setting POSTGRES_PASSWORD stratslab)" = stratslab ]; then
        bad "ports are open to the network (BIND_ADDRESS), and the password is the default: set POSTGRES_PASSWORD"
    fi
    if [ $problems = 0 ]; then say "nothing found that is in the way"; else die "problems found that could be in the way: $problems (BAD above)"; fi
}

command=${1:-help}
if [ $# -gt 0 ]; then shift; fi
case $command in
help | --help | -h) usage && exit ;;
up | up-d | down | ps | health | logs | logs-api | logs-db | exec-api | exec-db | test | rebuild | clean | doctor) ;;
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
clean) do_clean "$@" ;;
doctor) do_doctor ;;
down | ps | logs)
    need_engine
    compose "$command" "$@"
    ;;
logs-api) need_engine && compose logs "$@" api ;;
logs-db) need_engine && compose logs "$@" postgres ;;
exec-api)
    need_engine
    if [ $# = 0 ]; then set -- bash; fi
    # shellcheck disable=SC2086 # no word, or one
    compose exec $tty api "$@"
    ;;
exec-db)
    need_engine
    # shellcheck disable=SC2086,SC2016 # no word, or one; the container's variables
    compose exec $tty postgres sh -c 'exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"' psql "$@"
    ;;
test)
    need_engine
    # shellcheck disable=SC2086 # no word, or one
    if [ -n "$(container api)" ]; then compose exec $tty api make check "$@"; else compose run --rm $tty --no-deps api make check "$@"; fi
    ;;
rebuild)
    need_engine
    compose build "$@"
    do_up_d
    ;;
esac
