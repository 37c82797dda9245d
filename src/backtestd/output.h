/* Files that are written: every write is checked, so that a full disk is an error. */
#ifndef BACKTESTD_OUTPUT_H
#define BACKTESTD_OUTPUT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

/* Are they one regular file, or would they be when they are made? Standard input and output and devices are not regular
 * files. */
bool output_is_same(const char *path, const char *other);
/* A file on its way. It is replaced when all of it is on the disk: if that fails, what was there before stays. A
 * device, a pipe, a file with several names, or one in a folder that takes no new files is written in place. "-" is
 * standard output, which command_main looks at. ERROR_SYSTEM names the file. */
struct output;

int output_open(const char *path, struct output **ret_output, struct error *err) ATTR_CHECKED;
int output_add(struct output *output, struct slice text, struct error *err) ATTR_CHECKED;
/* False if it is standard output, and what was added to it could not be written: more is in vain. */
bool output_is_taken(const struct output *output);
/* Either of them frees it. */
int output_commit(struct output *output, struct error *err) ATTR_CHECKED;
void output_abandon(struct output *output); /* takes NULL */
/* All of a file at once. */
int output_write(const char *path, struct slice text, struct error *err) ATTR_CHECKED;

#endif
