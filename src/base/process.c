#include "base/process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t process_resident_bytes(pid_t pid)
{
    char path[64];
    uint64_t pages = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    file = fopen(path, "re");
    if (file == NULL) return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the number, it fits */
    if (fscanf(file, "%*u %" SCNu64, &pages) != 1) pages = 0;
    fclose(file);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

bool process_is_alive(pid_t pid)
{
    char path[64];
    char line[512] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    /* /proc may hide others' processes (hidepid, a unit's ProtectProc=), and processes in another user namespace. */
    if (file == NULL) return kill(pid, 0) == 0 || errno == EPERM;
    if (fgets(line, sizeof(line), file) == NULL) line[0] = '\0';
    fclose(file);
    /* "pid (name) state …", and the name may hold anything. */
    const char *end = strrchr(line, ')');

    return end != NULL && end[1] == ' ' && end[2] != 'Z' && end[2] != 'X';
}
