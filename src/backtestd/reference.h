/* What the commands that print a table have in common: they list its entries, or describe one. */
#ifndef BACKTESTD_REFERENCE_H
#define BACKTESTD_REFERENCE_H

#include "backtestd/backtestd.h"

enum { REFERENCE_NAME_COLUMNS = 20, REFERENCE_LABEL_COLUMNS = 13, REFERENCE_INDENT = 4 };

/* Whether the command line names this entry, or none. */
bool reference_is_wanted(const struct command_line *line, const char *name);
/* Prints `out` and clears it. If it is empty, there is no entry of the name that was asked for: that is an error, with
 * the name that was perhaps meant. `at` gives the names, NULL after the last. Returns the exit status. */
int reference_print(const struct command_line *line, const char *noun, const char *(*at)(size_t index),
                    struct buf *out);
/* Adds a row of a table: the name, and from column `columns` on the text, wrapped. */
void reference_row(const char *name, size_t columns, const char *text, struct buf *out);

#endif
