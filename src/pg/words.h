/* Connection strings that hold a word which this libpq does not know. */
#ifndef PG_WORDS_H
#define PG_WORDS_H

/* The connection string without the parameter `word`, of which the value goes to *ret_value. Both are the caller's
 * (free). NULL if the string does not have it: then *ret_value is left as it was. Of several, the last one counts, as
 * with libpq. */
char *words_without(const char *conninfo, const char *word, char **ret_value);

#endif
