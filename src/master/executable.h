/*
 * The executable: where a reload looks for the next one, and whether what lies there can be one. Nothing here blocks,
 * whatever is at the path.
 */
#ifndef MASTER_EXECUTABLE_H
#define MASTER_EXECUTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/error.h"

/*
 * The working directory by the name that its user has for it: $PWD if that leads here (environ(7)), else getcwd(3).
 * Symlinks in it are kept, so that the name can be followed anew. "" if the directory has no name (it was removed).
 */
void executable_directory(char *out, size_t size);

/*
 * The path that this process was started by, as the kernel was given it (AT_EXECFN, getauxval(3)): what a shell found
 * in PATH, with its symlinks. A relative one is taken from `directory`. If the process was started by a descriptor, the
 * path is what /proc/self/exe leads to. Fails if nothing names it.
 */
int executable_path(const char *directory, char *out, size_t size, struct error *err) ATTR_CHECKED;

/*
 * Opens the program at `path`, for execveat(2) with AT_EMPTY_PATH: a descriptor that is close-on-exec. Fails, saying
 * what is there, if it is not a regular file, or is a script: an image that is started by its descriptor cannot be one.
 */
int executable_open(const char *path, int *ret_fd, struct error *err) ATTR_CHECKED;

/* Whether two descriptors are of one file that has not been changed in between: device, inode, size and time. */
bool executable_is_same(int fd, int other_fd);

/* Why execveat(2) failed with `problem`: the system's words, and what can be seen of the cause. */
void executable_explain(int fd, int problem, char *out, size_t size);

#endif
