#include "http/negotiate.h"

#include "http/http.h"
#include "http/syntax.h"

/* The next ";"-separated parameter, cut at "=". False at the end. */
static bool negotiate_next_param(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    struct slice param = SLICE_NONE;

    while (rest->data != NULL && param.len == 0) param = slice_trim(slice_cut(rest, ';'));
    if (param.len == 0) return false;
    *ret_value = param;
    *ret_name = slice_trim(slice_cut(ret_value, '='));
    *ret_value = slice_trim(*ret_value);
    return true;
}

static bool negotiate_is_same_word(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

static bool negotiate_split_type(struct slice text, struct slice *ret_type, struct slice *ret_subtype)
{
    *ret_subtype = text;
    *ret_type = slice_cut(ret_subtype, '/');
    return http_is_token(*ret_type) && http_is_token(*ret_subtype);
}

/* "0.5" to 500 (RFC 9110 section 12.4.2); -1 if it is not a weight. */
static int negotiate_parse_weight(struct slice text)
{
    int thousandths = 0;
    int scale = 1000;

    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1')) return -1;
    if (text.len > 1 && text.data[1] != '.') return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1) continue;
        if (text.data[i] < '0' || text.data[i] > '9') return -1;
        thousandths += (text.data[i] - '0') * scale;
        scale /= 10;
    }
    return thousandths <= 1000 ? thousandths : -1;
}

static int negotiate_range_weight(struct slice params)
{
    struct slice name;
    struct slice value;

    while (negotiate_next_param(&params, &name, &value)) {
        if (slice_is_nocase(name, "q")) return negotiate_parse_weight(value);
    }
    return ACCEPT_WEIGHT_MAX;
}

/* How closely the range names the type: 3 exactly, 2 by its main type alone, 1 by taking everything, 0 not at all, -1
 * if it is not a range. */
static int negotiate_range_specificity(struct slice range_type, struct slice range_subtype, struct slice type,
                                       struct slice subtype)
{
    const bool any_subtype = slice_is(range_subtype, "*");

    if (slice_is(range_type, "*")) return any_subtype ? 1 : -1;
    if (!negotiate_is_same_word(range_type, type)) return 0;
    if (any_subtype) return 2;
    return negotiate_is_same_word(range_subtype, subtype) ? 3 : 0;
}

unsigned http_accept_weight(struct slice accept, const char *type)
{
    struct slice main_type;
    struct slice subtype;
    struct slice element;
    bool any = false;
    int best = 0;
    int best_weight = 0;

    if (strcmp(type, HTTP_ANY_TYPE) == 0) return ACCEPT_WEIGHT_MAX;
    if (accept.len == 0 || slice_is(accept, "*/*") || !negotiate_split_type(slice_of(type), &main_type, &subtype)) {
        return ACCEPT_WEIGHT_MAX;
    }
    while (http_list_next(&accept, &element)) {
        struct slice range_type;
        struct slice range_subtype;
        struct slice params = element;
        const struct slice range = slice_trim(slice_cut(&params, ';'));
        const int weight = negotiate_range_weight(params);

        if (weight < 0 || !negotiate_split_type(range, &range_type, &range_subtype)) continue;
        const int specificity = negotiate_range_specificity(range_type, range_subtype, main_type, subtype);

        any = any || specificity >= 0;
        if (specificity > best || (specificity == best && weight > best_weight)) {
            best = specificity;
            best_weight = weight;
        }
    }
    if (!any) return ACCEPT_WEIGHT_MAX;
    return best > 0 ? (unsigned)best_weight : 0;
}

bool http_accepts(struct slice accept, const char *type)
{
    return http_accept_weight(accept, type) > 0;
}

bool http_exchange_prefers(struct http_exchange *x, const char *type, const char *other)
{
    const struct slice accept = http_exchange_header(x, "Accept");

    return http_accept_weight(accept, type) > http_accept_weight(accept, other);
}

bool http_accepts_coding(struct slice accept, const char *coding)
{
    struct slice element;
    bool is_any_taken = false;

    while (http_list_next(&accept, &element)) {
        struct slice params = element;
        const struct slice name = slice_trim(slice_cut(&params, ';'));
        const bool is_taken = negotiate_range_weight(params) > 0;

        if (slice_is_nocase(name, coding)) return is_taken;
        if (slice_is(name, "*")) is_any_taken = is_taken;
    }
    return is_any_taken;
}

struct slice http_media_type(struct slice content_type)
{
    struct slice params = content_type;
    const struct slice media_type = slice_trim(slice_cut(&params, ';'));
    struct slice type;
    struct slice subtype;
    struct slice name;
    struct slice value;

    if (!negotiate_split_type(media_type, &type, &subtype)) return SLICE_NONE;
    while (negotiate_next_param(&params, &name, &value)) {
        if (!http_is_token(name)) return SLICE_NONE;
        if (!slice_is_nocase(name, "charset")) continue;
        if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"') value.data++, value.len -= 2;
        if (!slice_is_nocase(value, "utf-8")) return SLICE_NONE;
    }
    return media_type;
}
