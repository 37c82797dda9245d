/* One GET to the running service, blocking and bounded: for the commands that ask it something. */
#ifndef COMMAND_PROBE_H
#define COMMAND_PROBE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "command/daemon.h"

enum { PROBE_TIMEOUT_MS = 5000 };

/* Asks at the first of `addresses` (every address is asked on loopback). ERROR_UNAVAILABLE if nobody answers. The body
 * is tame. */
int probe_get(const struct conf_addresses *addresses, const char *path, unsigned *ret_status, struct buf *ret_body,
              struct error *err) ATTR_CHECKED;

/* Puts a "?" in the place of control characters, plain ones and those that JSON escapes: anybody may answer on a port,
 * and what is printed must not act on a terminal. */
void probe_tame(struct buf *body);

struct json_object;

/* What the running daemon says on /status of its admin address, as it stands and parsed (for json_object_put). */
int probe_status(const struct command_context *context, struct buf *body, struct json_object **ret_status,
                 struct error *err) ATTR_CHECKED;
/* The body as JSON if all of it is one value, for json_object_put; NULL otherwise. */
struct json_object *probe_parse_json(const struct buf *body);
/* Whether an answer is one of that program's: one JSON object that says so, with what the commands read. If not, `err`
 * says what it is. */
int probe_judge(const char *program, const struct buf *body, struct json_object **ret_status,
                struct error *err) ATTR_CHECKED;
/* A member of it; "-" and 0 if it is not there. */
const char *probe_text(struct json_object *object, const char *name);
int64_t probe_number(struct json_object *object, const char *name);

#endif
