#include "http/http.h"
#include "http/syntax.h"

bool http_query_next(struct arena *arena, struct slice *query, struct slice *ret_name, struct slice *ret_value,
                     bool *ret_valid)
{
    struct slice pair = SLICE_NONE;
    struct slice name;
    struct slice value;

    while (query->data != NULL && pair.len == 0) pair = slice_cut(query, '&');
    if (pair.len == 0) return false;
    *ret_value = pair;
    *ret_name = slice_cut(ret_value, '=');
    if (ret_value->data == NULL) *ret_value = (struct slice){pair.data + pair.len, 0};
    *ret_valid =
        http_percent_decode(arena, *ret_name, true, &name) && http_percent_decode(arena, *ret_value, true, &value);
    if (*ret_valid) {
        *ret_name = name;
        *ret_value = value;
    }
    return true;
}
