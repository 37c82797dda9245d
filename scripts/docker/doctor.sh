# Read by scripts/docker.sh: what could keep the stack from running. Every row of the README's table "If it does not work" has
# its line here, which says what to do.
# shellcheck shell=sh disable=SC2154 # scripts/docker.sh has the other side of the variables

ok() { printf '  ok    %s\n' "$*"; }
bad() {
    printf '  BAD   %s\n' "$*"
    problems=$((problems + 1))
}
note() { printf '  note  %s\n' "$*"; }

image_is_here() { docker image inspect "$1" >/dev/null 2>&1; }

doctor_engine() {
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
}

doctor_ports() {
    taken=$(taken_ports)
    if [ -z "$taken" ]; then
        ok "the ports are free, or held by this stack"
        return
    fi
    while read -r line; do bad "$line"; done <<TAKEN
$taken
TAKEN
}

# Prints what user $uid of group $gid may not read: closed_to PATH…, as for find.
closed_to() {
    find "$@" ! \( -user "$uid" -perm -400 \) ! \( -group "$gid" -perm -040 \) \
        \( -type d ! -perm -005 -o -type f ! -perm -004 \) -print 2>/dev/null
}

# Why the user in the container cannot read the checkout; 1 if it can. Others' bits decide, unless the user is its owner.
closed_checkout() {
    uid=$(setting APP_UID 10001)
    gid=$(setting APP_GID 10001)
    case $uid$gid in *[!0-9]*) return 1 ;; esac # doctor_env says so
    if [ "$(uname -s)" != Linux ]; then return 1; fi # Docker Desktop shares folders by rules of its own
    closed=$({ closed_to "$top" -maxdepth 0 && for name in configure.ac Makefile.am docker sql src; do closed_to "$top/$name"; done; } |
        head -n 1)
    if [ -z "$closed" ]; then return 1; fi
    if [ "$(stat -c %u "$top")" = 0 ]; then
        echo "user $uid of the container cannot read $closed (a checkout of root's with umask 077): chmod -R go+rX $top"
    else
        echo "user $uid of the container cannot read $closed (umask 077): set APP_UID=$(stat -c %u "$top") and APP_GID=$(stat -c %g "$top")" \
            "in .env, and run scripts/docker.sh rebuild; or let others read it: chmod -R go+rX $top"
    fi
}

doctor_checkout() {
    if path_problem=$(bad_path); then bad "$path_problem"; fi
    if [ -f "$top/config.status" ]; then bad "the sources are configured in place, so nothing is built in the container: make distclean"; fi
    uid=$(setting APP_UID 10001)
    gid=$(setting APP_GID 10001)
    built_for=$(docker image inspect -f '{{.Config.User}}' stratslab-api:dev 2>/dev/null || :)
    if [ -n "$built_for" ] && [ "$built_for" != "$uid:$gid" ]; then
        bad "the image stratslab-api:dev was built for user $built_for, and APP_UID and APP_GID say $uid:$gid: run scripts/docker.sh rebuild"
    fi
    if closed=$(closed_checkout); then
        bad "$closed"
    else
        ok "user $uid of the container can read the checkout"
    fi
}

# A volume keeps what it was made with.
doctor_volume() {
    volume=${COMPOSE_PROJECT_NAME}_postgres_data
    image=$(setting POSTGRES_IMAGE postgres:15-alpine)
    docker volume inspect "$volume" >/dev/null 2>&1 || { ok "there is no volume $volume yet: the first start makes it" && return; }
    image_is_here "$image" || { note "volume $volume exists, but $image is not here yet, so their versions cannot be compared" && return; }
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

# Only the running database can tell. From another address than 127.0.0.1, which the image trusts.
doctor_password() {
    database=$(container postgres)
    if [ "$(state "${database:-none}")" != 'running healthy' ]; then return; fi
    if is_production; then
        password=$(head -n 1 "$(setting POSTGRES_PASSWORD_SOURCE ./secrets/postgres_password)" 2>/dev/null | tr -d '\r')
    else
        password=$(setting POSTGRES_PASSWORD stratslab)
    fi
    # shellcheck disable=SC2016 # the container's variables
    if said=$(PGPASSWORD=$password docker exec -e PGPASSWORD "$database" sh -c \
        'PGCONNECT_TIMEOUT=5 psql -XAtqw -h "$(hostname)" -U "$1" -d "$2" -c "SELECT 1"' psql \
        "$(setting POSTGRES_USER stratslab)" "$(setting POSTGRES_DB stratslab)" 2>&1); then
        ok "the database takes the user and the password of the settings"
    else
        bad "the database does not take the settings' user and password: ${said##*FATAL:  }. The volume keeps those that it was made" \
            "with: use them, or change the password (docs/containers.md), or delete the data (scripts/docker.sh clean)"
    fi
}

doctor_env() {
    before=$problems
    if [ -f "$top/.env" ]; then doctor_env_file; else ok "there is no .env: the defaults hold"; fi
    for name in API_PORT DB_PORT; do
        for port in $(setting $name 1 | tr - ' '); do
            case $port in
            *[!0-9]*) bad "$name is not a port: $(setting $name 1)" && break ;;
            *) if [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then bad "$name is not a port from 1 to 65535: $port" && break; fi ;;
            esac
        done
    done
    for name in APP_UID APP_GID; do
        case $(setting $name 1) in *[!0-9]*) bad "$name is not a number: $(setting $name 1) (id -u and id -g print yours)" ;; esac
    done
    one_of DOCS_UI yes no
    one_of DEV_WATCH auto poll off
    case $(setting DEBIAN_RELEASE trixie) in
    bookworm* | bullseye* | buster* | oldstable* | oldoldstable*)
        bad "DEBIAN_RELEASE is $(setting DEBIAN_RELEASE ''): the images need Debian 13 (trixie) or newer, as older ones have no libllhttp"
        ;;
    esac
    if command -v git >/dev/null && [ -n "$(cd "$top" && git ls-files .env 2>/dev/null)" ]; then bad ".env is in git, with its secrets: git rm --cached .env"; fi
    if [ -f "$top/.env" ] && [ "$problems" = "$before" ]; then ok ".env can be read"; fi
}

one_of() { # VARIABLE VALUE…
    name=$1
    shift
    value=$(setting "$name" "$1")
    for one in "$@"; do if [ "$value" = "$one" ]; then return; fi; done
    bad "$name is $value, which is not one of: $*"
}

doctor_env_file() {
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
        name=${name#export }
        case $name in
        *[!A-Za-z0-9_]*) bad ".env:$number: \"$name\" is not a name (put no spaces around the =)" && continue ;;
        esac
        if ! echo "$names" | grep -qx "$name"; then note ".env:$number: $name is not in .env.docker.example; is it misspelt?"; fi
        case $name in
        DATABASE_URL | MIGRATE_DATABASE_URL)
            [ -z "${line#*=}" ] || bad ".env:$number: $name is not used here any more, so that the database of another project is safe: its name is now STACK_$name"
            ;;
        esac
    done <"$top/.env"
}

# The services themselves judge their settings, as Compose hands them to them. What that makes is gone again afterwards.
doctor_settings() {
    if is_production; then image=$(setting API_IMAGE stratslab-api:latest) programs=''; else
        image=stratslab-api:dev programs=/usr/local/lib/stratslab-cache/bin/
    fi
    if ! image_is_here "$image"; then
        note "$image is not here yet, so the services cannot judge their settings: run doctor again after scripts/docker.sh up-d"
        return
    fi
    network=${COMPOSE_PROJECT_NAME}_default
    made=
    for volume in build_cache postgres_data role_passwords backtesting_password candle_cache; do
        volume=${COMPOSE_PROJECT_NAME}_$volume
        if ! docker volume inspect "$volume" >/dev/null 2>&1; then made="$made $volume"; fi
    done
    if docker network inspect "$network" >/dev/null 2>&1; then network=; fi
    doctor_asks api "${programs}stratslabd" "the API service"
    doctor_asks backtesting-service "${programs}backtestd" backtesting-service
    if [ -n "$network" ]; then docker network rm "$network" >/dev/null 2>&1 || :; fi
    # shellcheck disable=SC2086 # one word a volume
    if [ -n "$made" ]; then docker volume rm $made >/dev/null 2>&1 || :; fi
}

doctor_asks() { # SERVICE PROGRAM WORDS
    status=0
    compose run --rm --no-deps -T --entrypoint "$2" -e POSTGRES_PASSWORD_FILE= -e MIGRATE_POSTGRES_PASSWORD_FILE= \
        -e MIGRATE_POSTGRES_USER= "$1" config >/dev/null 2>"$scratch" </dev/null || status=$?
    case $status in
    0) ok "$3 takes its settings" ;;
    78)
        while IFS= read -r line; do
            case $line in *': '[A-Z]*_*': '*) bad "$3 refuses a setting: $line" ;; esac
        done <"$scratch"
        ;;
    *) bad "$3 could not be asked about its settings: $(tail -n 1 "$scratch")" ;;
    esac
}

doctor_secret() {
    secret=$(setting POSTGRES_PASSWORD_SOURCE ./secrets/postgres_password)
    if [ ! -s "$secret" ]; then
        bad "$secret, which holds the database's password, is missing or empty: docs/containers.md says how to make it"
    elif [ -z "$(find "$secret" \( -perm -004 -o -user 0 -perm -400 \) 2>/dev/null)" ]; then
        bad "the stack's service roles cannot read $secret: chmod 644 $secret (its folder keeps others of this machine out)"
    elif [ -z "$(tr -d '\r\n' <"$secret" 2>/dev/null)" ]; then
        bad "$secret holds no password: docs/containers.md says how to make it"
    else
        ok "$secret can be read in the container"
    fi
}

# What became of the service, if it is not well: why it ended, and whether an edit was not built.
doctor_service() {
    for id in $(containers roles | head -n 1); do
        case $(state "$id") in exited*) ;; *) continue ;; esac
        code=$(docker inspect -f '{{.State.ExitCode}}' "$id")
        if [ "$code" != 0 ]; then
            bad "the roles of the database could not be made, so nothing else starts. The service roles has ended with $code:"
            docker logs --tail 3 "$id" 2>&1 | sed 's/^/          /'
        fi
    done
    doctor_daemon api stratslabd "the API service"
    doctor_daemon backtesting-service backtestd backtesting-service
}

doctor_daemon() { # SERVICE PROGRAM WORDS
    for id in $(containers "$1"); do
        now=$(state "$id")
        case $now in
        exited* | dead* | restarting*) doctor_ended "$id" "$1" "$3" ;;
        running*)
            case $now in *unhealthy) bad "$3 is unhealthy: $(docker exec "$id" "$2" health 2>&1 | tail -n 1)" ;; esac
            said=$(failed_build "$id")
            if [ -n "$said" ]; then
                bad "the last edit is not served: $said"
            elif ! is_production && [ "$(setting DEV_WATCH auto)" = off ]; then
                note "DEV_WATCH is off: edits are not built (docs/containers.md has the commands)"
            elif ! is_production && ! docker exec "$id" sh -c "grep -qz 'stratslab-dev/[w]atch' /proc/[0-9]*/cmdline" >/dev/null 2>&1; then
                bad "nobody watches the source in container $id, so edits are not built: $COMPOSE restart $1"
            fi
            ;;
        esac
    done
}

doctor_ended() { # CONTAINER SERVICE WORDS
    code=$(docker inspect -f '{{.State.ExitCode}}' "$1")
    if [ "$code" = 0 ]; then return; fi
    log=$(docker logs --tail 30 "$1" 2>&1 | grep -v 'msg=request' || :)
    why=$(echo "$log" | grep -E 'level=error|"level":"error"|^stratslabd: |^backtestd: |^environment: |^dev: ' | tail -n 3)
    case $code in
    65) todo='mend the migration, or see docs/migrations.md' ;;
    69) todo='see that the database runs and that its user and password are those that the volume was made with (docs/containers.md)' ;;
    78) todo='mend the variables that it names, in .env' ;;
    *) todo="its log says why: $COMPOSE logs $2" ;;
    esac
    bad "$3 has ended with $code: $todo. Its last words:"
    echo "${why:-$log}" | tail -n 3 | sed 's/^/          /'
}

do_doctor() {
    problems=0
    doctor_engine
    doctor_env
    if ! is_production; then doctor_checkout; else doctor_secret; fi
    if engine_answers >/dev/null; then
        doctor_ports
        doctor_volume
        doctor_password
        doctor_settings
        doctor_service
    fi
    if [ "$(setting BIND_ADDRESS 127.0.0.1)" != 127.0.0.1 ] && [ "$(setting POSTGRES_PASSWORD stratslab)" = stratslab ] && ! is_production; then
        bad "ports are open to the network (BIND_ADDRESS), and the password is the default: set POSTGRES_PASSWORD"
    fi
    if [ $problems = 0 ]; then say "nothing found that is in the way"; else die "problems found that could be in the way: $problems (BAD above)"; fi
}
