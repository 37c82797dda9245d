# Read by scripts/dev.sh: what it says, and how far something is.
# shellcheck shell=sh disable=SC2034,SC2154 # scripts/dev.sh has the other side of the variables

say() { printf 'dev.sh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

# step TEXT: the next of the command's steps, of which there are $steps.
step_number=0
step() {
    step_number=$((step_number + 1))
    say "$step_number/$steps $*"
}

# tell WHAT DONE OF: how far WHAT is: a line that is written over on a terminal, elsewhere a line at each quarter. tell_end
# takes the line away.
told=
tell() {
    percent=$((100 * $2 / ($3 > 0 ? $3 : 1)))
    quarter="$1 $((percent / 25))"
    if [ -t 2 ]; then
        printf '\rdev.sh:     %s: %d %%\033[K' "$1" $percent >&2
    elif [ "$told" != "$quarter" ] && [ $percent -ge 25 ]; then
        printf 'dev.sh:     %s: %d %%\n' "$1" $percent >&2
    fi
    told=$quarter
}
tell_end() { if [ -t 2 ]; then printf '\r\033[K' >&2; fi; }

# In $scratch, a folder that is gone when leave_scratch is called, or the script ends. The user _apt can read it.
enter_scratch() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    chmod 755 "$scratch"
}
leave_scratch() {
    rm -rf "$scratch"
    trap - EXIT
}

started=$(date +%s)
elapsed() {
    seconds=$(($(date +%s) - ${1:-$started}))
    if [ $seconds -ge 60 ]; then echo "$((seconds / 60)) min $((seconds % 60)) s"; else echo "$seconds s"; fi
}
