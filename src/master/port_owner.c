#include "master/port_owner.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOLDER_STATE_LISTEN = 0x0a };

/* The inode of a listening socket on the port; 0 if there is none. */
static unsigned long port_owner_inode(const char *table, uint16_t port)
{
    FILE *file = fopen(table, "re");
    char line[512];
    unsigned long inode = 0;

    if (file == NULL) return 0;
    while (inode == 0 && fgets(line, sizeof(line), file) != NULL) {
        unsigned local;
        unsigned state;
        unsigned long found;

        /* sl local:port remote:port state queues timer retransmits uid timeout inode */
        /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the numbers, they fit */
        if (sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %lu", &local, &state, &found) != 3) continue;
        if (local == port && state == HOLDER_STATE_LISTEN) inode = found;
    }
    fclose(file);
    return inode;
}

static bool port_owner_has_socket(const char *pid, const char *wanted)
{
    char path[300];
    char target[64];
    bool found = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    dir = opendir(path);
    if (dir == NULL) return false;
    for (const struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

        if (len <= 0) continue;
        target[len] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    closedir(dir);
    return found;
}

static void port_owner_describe(const char *pid, char out[PORT_OWNER_TEXT_BYTES])
{
    char path[300];
    char name[32] = "a process";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof(name), file) != NULL) name[strcspn(name, "\n")] = '\0';
        fclose(file);
    }
    snprintf(out, PORT_OWNER_TEXT_BYTES, "%s (pid %.20s)", name, pid);
}

void port_owner_name(int pid, char out[PORT_OWNER_TEXT_BYTES])
{
    char text[16];

    snprintf(text, sizeof(text), "%d", pid);
    port_owner_describe(text, out);
}

bool port_owner_find(uint16_t port, char out[PORT_OWNER_TEXT_BYTES])
{
    unsigned long inode = port_owner_inode("/proc/net/tcp", port);
    char wanted[64];
    bool found = false;
    DIR *dir;

    if (inode == 0) inode = port_owner_inode("/proc/net/tcp6", port);
    if (inode == 0) return false;
    snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
    dir = opendir("/proc");
    if (dir == NULL) return false;
    for (const struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' || !port_owner_has_socket(entry->d_name, wanted)) continue;
        if (atoi(entry->d_name) == getpid()) { /* NOLINT(cert-err34-c): the kernel wrote the number */
            snprintf(out, PORT_OWNER_TEXT_BYTES,
                     "this service itself (pid %.20s): another of its addresses is the same", entry->d_name);
        } else {
            port_owner_describe(entry->d_name, out);
        }
        found = true;
    }
    closedir(dir);
    return found;
}
