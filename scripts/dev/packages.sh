# Read by scripts/dev.sh: what it needs, and how that is installed.
# shellcheck shell=sh disable=SC2034,SC2154 # scripts/dev.sh has the other side of the variables

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
cmd:setpriv    util-linux
'
# curl is for the README's first request.
up_needs="$build_needs
cmd:curl       curl
"
# A server: the system's, else one of our own (unpack_server).
server_needs='
server:        a-server
cmd:psql       postgresql-client
'
docs_needs='
cmd:npm        npm
'
quick_needs="$build_needs $server_needs
pc:cunit       libcunit1-dev
py:pytest      python3-pytest
py:xdist       python3-pytest-xdist
py:psycopg     python3-psycopg
py:jsonschema  python3-jsonschema
cmd:curl       curl
"
test_needs="$quick_needs $docs_needs
debian-server: postgresql
cmd:clang      clang
cmd:clang-format clang-format
cmd:clang-tidy clang-tidy
asan:          libclang-rt-dev
cmd:cppcheck   cppcheck
cmd:shellcheck shellcheck
cmd:mandoc     mandoc
cmd:valgrind   valgrind
cmd:systemd-analyze systemd
cmd:promtool   promtool
cmd:zsh        zsh
cmd:chromium   chromium
cmd:chromedriver chromium-driver
cmd:openssl    openssl
sbin:logrotate logrotate
lib:libfaketime libfaketime
sbin:nginx     nginx-light
sbin:pgbouncer pgbouncer
"

compiles() { echo '#include <stdio.h>
int main(void) { return 0; }' | "$@" -x c - -o /dev/null 2>/dev/null; }

# Is what a line of the tables above asks for there?
has() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null ;;
    sbin:*) [ -x "/usr/sbin/${1#sbin:}" ] || command -v "${1#sbin:}" >/dev/null ;;
    pc:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#pc:}" ;;
    lib:*) [ -n "$(find /usr/lib -name "${1#lib:}.so*" -print -quit)" ] ;;
    py:*) "$top/tests/python" has "${1#py:}" ;;
    cc:) compiles "${CC:-cc}" ;;
    asan:) command -v clang >/dev/null && compiles clang -fsanitize=address,undefined ;;
    server:) server_programs "$(data_version)" >/dev/null ;;
    debian-server:) system_server_programs >/dev/null ;;
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

# Reads what apt-get says: tells how far it is, and keeps its own words in $apt_log. Ends as it ended.
follow_apt() {
    trap '' INT TERM HUP # it outlives apt-get: dpkg that cannot write leaves packages half done
    status=1
    while IFS= read -r line; do
        case $line in
        'ended: '*) status=${line#ended: } ;;
        dlstatus:* | pmstatus:*)
            percent=$(echo "$line" | sed -n 's/^..status:.*:\([0-9]\{1,3\}\)\.[0-9]*:.*/\1/p')
            case $line in pm*) doing=installing ;; esac
            if [ -n "$percent" ]; then tell "$doing" "$percent" 100; fi
            ;;
        *' newly installed, '*) new=${line#*upgraded, } && new=${new%% *} ;;
        'Need to get '*) fetched=${line#Need to get } && fetched=${fetched%% of archives*} && fetched=${fetched##*/} ;;
        'After this operation, '*)
            disk=${line#After this operation, }
            tell_end
            say "    $new packages, $fetched to fetch, ${disk%% of*} on the disk"
            ;;
        *) echo "$line" >>"$apt_log" ;;
        esac
    done
    tell_end
    return "$status"
}

# apt-get. Where it fails the end of what it said is shown.
apt_run() {
    apt_log=$(mktemp)
    new=0 fetched='nothing' doing=fetching
    if [ "$1" = update ]; then doing="reading apt's lists"; fi
    if { as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -y -o APT::Status-Fd=1 "$@" 2>&1 && echo 'ended: 0' ||
        echo 'ended: 1'; } </dev/null | follow_apt; then
        rm -f "$apt_log"
        return
    fi
    tail -n 30 "$apt_log" >&2
    rm -f "$apt_log"
    return 1
}

apt_install() {
    apt_run install --no-install-recommends "$@" ||
        die "apt could not install: $* (its own words are above). Without them this cannot go on."
}

apt_has() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# Puts the files of packages into $scratch/debs, without installing them.
apt_fetch() {
    mkdir -p "$scratch/debs"
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then chown _apt "$scratch/debs"; fi
    (cd "$scratch/debs" && apt-get -q download "$@" >"$scratch/said" 2>&1) || {
        cat "$scratch/said" >&2
        return 1
    }
}

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
        echo 'create_main_cluster = false' | as_root tee -a $conf >/dev/null
        apt_install postgresql
        as_root cp "$keep" $conf
        rm -f "$keep"
        trap - EXIT
    else
        apt_install postgresql
    fi
}

# Debian's server asks for LLVM, which compiles expressions of long queries: 150 MB that the private cluster does
# without. So the server is taken out of its package into the cluster's folder; the libraries that it needs are installed.
unpack_server() {
    make_cluster_folder
    enter_scratch
    package=$(LC_ALL=C apt-cache depends postgresql | sed -n 's/^ *Depends: \(postgresql-[0-9]*\)$/\1/p' | head -n 1)
    made_by=$(data_version)
    if [ -n "$made_by" ]; then # data that are there need theirs
        package=postgresql-$made_by
        apt_has "$package" || die_of_version "$made_by"
    fi
    if [ -z "$package" ] || ! apt_fetch "$package"; then
        die "apt has no PostgreSQL server to fetch: install one of version $postgres_oldest or newer, or set DATABASE_URL"
    fi
    # Of alternatives the first; no version, as there is one of each.
    libraries=$(dpkg-deb -f "$scratch"/debs/*.deb Depends | tr ',' '\n' | sed 's/|.*//;s/(.*//;s/ //g;s/:any$//' |
        grep -Ev '^(libllvm.*|postgresql-.*|ssl-cert|locales|adduser|debconf)$')
    # shellcheck disable=SC2086 # one word a package
    apt_install $libraries
    rm -rf "$cluster/server"
    mkdir "$scratch/server"
    dpkg-deb -x "$scratch"/debs/*.deb "$scratch/server"
    mv "$scratch/server" "$cluster/server"
    say "    $package, without what compiles queries, is in $cluster/server"
    leave_scratch
}

# Debian 12 has no libllhttp. Debian 13's packages need only libc: apt fetches the two by a configuration of its own,
# which is thrown away, so that no foreign suite stays behind. The mirror is the machine's.
install_llhttp() {
    # shellcheck disable=SC2016 # apt's own notation
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        head -n 1)
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    if [ -z "$uri" ] || [ ! -f $keyring ]; then
        die "libllhttp-dev (9.2 or newer) is missing, this system has no package of it, and it is not a Debian whose" \
            "mirror could be asked for Debian 13's. Install llhttp so that pkg-config finds libllhttp."
    fi
    say "    libllhttp-dev is not in this release: taking Debian 13's from this machine's mirror"
    enter_scratch
    mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/sources.d"
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
    (
        export APT_CONFIG="$scratch/apt.conf"
        apt-get -q update >"$scratch/said" 2>&1 || { cat "$scratch/said" >&2 && exit 1; }
        apt_fetch libllhttp-dev libllhttp9.2
    ) || die "fetching libllhttp-dev and libllhttp9.2 of Debian 13 from $uri failed (apt's own words are above)"
    as_root dpkg -i "$scratch"/debs/*.deb >"$scratch/said" 2>&1 || {
        cat "$scratch/said" >&2
        die "dpkg did not install libllhttp-dev and libllhttp9.2"
    }
    leave_scratch
}

# Debian 12 has promtool in the package prometheus, which starts a Prometheus at once. promtool needs nothing but libc: it
# is taken out of the package, and the package is not installed. Debian 13 has a package of it.
install_promtool() {
    if apt_has promtool; then
        apt_install promtool
        return
    fi
    say "    taking promtool out of the package prometheus; nothing else of it is installed"
    enter_scratch
    apt_fetch prometheus || die "fetching the package prometheus failed (apt's own words are above)"
    dpkg-deb --fsys-tarfile "$scratch"/debs/*.deb | tar -xf - -C "$scratch" ./usr/bin/promtool ||
        die "there is no promtool in the package prometheus"
    as_root install -m 755 "$scratch/usr/bin/promtool" /usr/local/bin/promtool
    leave_scratch
}

# Packages that start a service of theirs at once and at each boot, of which only the program is wanted. While they are
# installed invoke-rc.d(8) is told to start nothing.
install_idle() {
    policy=/usr/sbin/policy-rc.d
    ours=
    if [ ! -e $policy ]; then
        ours=yes
        trap 'as_root rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
    apt_install "$@"
    if command -v systemctl >/dev/null; then
        for package in "$@"; do as_root systemctl --quiet disable "${package%-light}.service" >/dev/null 2>&1 || :; done
    fi
    if [ -n "$ours" ]; then
        as_root rm -f $policy
        trap - EXIT
    fi
}

# Installs what is missing of a table's packages.
install_needs() {
    packages=$(missing "$1" | sort -u)
    [ -n "$packages" ] || return 0
    say "    missing: $(echo "$packages" | sed 's/^a-server$/a PostgreSQL server/' | paste -sd , - | sed 's/,/, /g')"
    command -v apt-get >/dev/null || die "there is no apt here: install these, or what your system calls them, by hand"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        die "installing needs root, and there is no sudo: run this as root: $0 deps"
    fi
    apt_run update -o APT::Update::Error-Mode=any || say "apt-get update had failures (above); going on with what it knows"
    plain=
    idle=
    for package in $packages; do
        case $package in
        libllhttp-dev) if apt_has "$package"; then plain="$plain $package"; fi ;;
        libclang-rt-dev) if apt_has "$package"; then plain="$plain $package"; else plain="$plain libclang-rt-14-dev"; fi
            ;;
        postgresql | a-server | promtool) ;;
        nginx-light | pgbouncer) idle="$idle $package" ;;
        *) plain="$plain $package" ;;
        esac
    done
    # shellcheck disable=SC2086 # one word a package
    if [ -n "$plain" ]; then apt_install $plain; fi
    # shellcheck disable=SC2086 # the same
    if [ -n "$idle" ]; then install_idle $idle; fi
    case " $(echo "$packages" | tr '\n' ' ') " in *' postgresql '*) install_server ;; *' a-server '*) unpack_server ;; esac
    case $packages in *promtool*) install_promtool ;; esac
    if ! has pc:libllhttp; then install_llhttp; fi
    packages=$(missing "$1" | sort -u | tr '\n' ' ')
    [ -z "$packages" ] ||
        die "still not usable after installing: $packages(too old? PostgreSQL must be $postgres_oldest or newer${PYTHON:+; or PYTHON=$PYTHON does not see what apt installs})"
}
