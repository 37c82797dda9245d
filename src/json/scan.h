/* The strict scanner, as json/ itself sees it, and rules/, which keeps the places of a document's members. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "base/arena.h"
#include "json/json.h"

/* A member of the outermost object. */
struct json_member {
    struct slice key;   /* unescaped, in the text or in the arena */
    struct slice value; /* as written, in the text */
};

struct json_members {
    struct json_member *items; /* in the arena, sorted by key (json_members_find) */
    size_t count;
};

/* As json_scan. If the text is an object, its members go to `*ret_members`, which may be NULL. */
bool json_scan_members(struct arena *arena, struct slice text, unsigned depth_max, struct json_members *ret_members,
                       struct slice *ret_detail) ATTR_CHECKED;
/* The value as written; absent if there is no such member. */
struct slice json_members_find(const struct json_members *members, struct slice key);

/* The text of a JSON string, unescaped, NUL-terminated and in the arena; absent if the value, as written, is not one.
 */
struct slice json_unquote(struct arena *arena, struct slice value);
/* `pointer` with one more member after it, escaped (RFC 6901 section 3); in the arena. */
struct slice json_pointer_add(struct arena *arena, struct slice pointer, struct slice member);

/* Bytes of the number (RFC 8259 section 6) that `text` begins with; 0 if there is none. */
size_t json_number_length(struct slice text);
/* At most some 40 characters of the client's text in quotes, with control characters escaped. */
const char *json_quote(struct arena *arena, struct slice text);
/* The same without quotes. */
const char *json_excerpt(struct arena *arena, struct slice text);

#endif
