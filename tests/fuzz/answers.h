/* Answers as a strict client reads them (RFC 9112): nothing of src/http/ has a part in it. */
#ifndef ANSWERS_H
#define ANSWERS_H

#include <stdbool.h>

#include "base/slice.h"

struct answer {
    unsigned status;
    struct slice head; /* its field lines */
    struct slice body;
    bool closes; /* Connection: close */
};

/* The next message of `*rest`, which is taken off; the process ends if it is not HTTP. `is_bare`: it is for HEAD.
 * False if it is not there whole. */
bool answer_next(struct slice *rest, bool is_bare, struct answer *ret_answer);
/* The value of a field; absent if there is none. The process ends if there are two. */
struct slice answer_field(const struct answer *answer, const char *name);
/* The process ends unless it is a problem document (RFC 9457) of that status and request. */
void answer_check_problem(const struct answer *answer, bool is_bare);

#endif
