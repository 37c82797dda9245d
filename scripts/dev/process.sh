# Read by scripts/dev.sh: who a number from a file is. A number outlives its process, and by now it may be anybody's: the
# kernel is asked (/proc) before anything is waited for or signalled.
# shellcheck shell=sh

is_number() { case $1 in '' | *[!0-9]*) false ;; *) true ;; esac }

# When a process started, in the kernel's count; nothing if there is no such process.
started_at() { if is_number "$1"; then sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; fi; }

is_corpse() { [ "$(sed 's/.*) //;s/ .*//' "/proc/$1/stat" 2>/dev/null)" = Z ]; }

# The file that a process runs, also if another file has taken its place since; nothing if we may not know.
program_of() { "${2:-env}" readlink "/proc/$1/exe" 2>/dev/null | sed "s/ (deleted)\$//"; } # PID [as_postgres]

# end_process PID SIGNAL SECONDS: signals it, and waits for its end; 1 if it lives on.
end_process() {
    began_at=$(started_at "$1")
    tenths=$(($3 * 10))
    kill "-$2" "$1" 2>/dev/null || :
    while [ -n "$began_at" ] && [ "$(started_at "$1")" = "$began_at" ] && ! is_corpse "$1"; do
        if [ $tenths = 0 ]; then return 1; fi
        sleep 0.1
        tenths=$((tenths - 1))
    done
}
