/* What a process behind a wall must not be able to do, for the tests of wall/ and of queue/. */
#ifndef TEST_WALL_ATTEMPTS_H
#define TEST_WALL_ATTEMPTS_H

#include <stdbool.h>

struct attempt {
    const char *name;
    long (*run)(void);
    int error;
    int landlock; /* needs this version of it; 0: the filter denies it */
    enum { NOBODY, FORKS, WRITES } granted;
};

extern const struct attempt attempts[];     /* without a name after the last */
extern char wall_folder[24], wall_file[64]; /* which everybody may write */

bool attempts_prepare(void); /* makes these, and a socket */
void attempts_clear(void);

#endif
