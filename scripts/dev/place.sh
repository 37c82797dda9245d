# Read by scripts/dev.sh: what is wrong with the place of the checkout is said in the first second, and not by make after
# minutes of installing.
# shellcheck shell=sh disable=SC2154 # scripts/dev.sh has the other side of the variables

# autoconf refuses most other signs of ASCII in a path, and make takes the rest apart.
check_path() {
    refused=$(printf %s "$top" | LC_ALL=C tr -d 'A-Za-z0-9/._+@,=~\200-\377-' && echo .) # or it would lose line ends
    refused=${refused%.}
    [ -z "$refused" ] && return
    case $refused in
    *' '*) refused='a space' ;;
    *[![:print:]]*) refused='a line end or a tab' ;;
    *) refused="a $(printf '%.1s' "$refused")" ;;
    esac
    die "the path of this checkout has $refused in it, and autoconf and make cannot build there: $top
    Move it (mv) to a path of letters, digits and / . _ - + @ , = ~"
}

# What root has made here, no build of a user's can replace. check_owner VERB
check_owner() (
    if [ "$(id -u)" = 0 ]; then
        owner=$(stat -c %u "$top")
        case $1 in up | docs | build | test) ;; *) owner=0 ;; esac
        if [ "$owner" != 0 ]; then
            say "this checkout belongs to $(id -un "$owner" 2>/dev/null || echo "user $owner"): what root builds here, that user cannot replace"
        fi
        return
    fi
    cd "$top" || exit
    foreign=
    for name in . build .dev autom4te.cache build-aux docs-ui web-ui aclocal.m4 config.* configure configure~ Makefile.in \
        "$(cat .dev/cluster 2>/dev/null || :)"; do
        if [ ! -e "$name" ]; then continue; fi
        if [ "$name" = . ]; then set -- -prune; else set --; fi
        found=$(find "$name" "$@" ! -user "$(id -u)" ! -writable -print -quit 2>/dev/null)
        if [ -z "$found" ]; then continue; fi
        case $found in /*) ;; *) found=$top/$found ;; esac
        if [ -z "$foreign" ]; then first=$found; fi
        if [ "$name" = . ]; then foreign=" $top" && first=$top && break; fi
        case $name in /*) foreign="$foreign $name" ;; *) foreign="$foreign $top/$name" ;; esac
    done
    [ -z "$foreign" ] && return
    other=
    for name in $foreign; do
        case $name in "$top/build" | "$top/.dev" | /var/lib/*) ;; *) other=$name ;; esac
    done
    if [ -z "$other" ]; then
        other="
or, if you do not need what is in it (.dev has the database), remove it:
    sudo $0 clean"
    else
        other=
    fi
    die "you may not write $first, which belongs to $(stat -c %U "$first"). Give it to yourself:
    sudo $0 down; sudo chown -R $(id -u):$(id -g)$foreign$other"
)
