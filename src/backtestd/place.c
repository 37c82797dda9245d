#include "backtestd/place.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/file.h"
#include "base/number.h"
#include "base/utf8.h"
#include "json/scan.h"

enum { DOCUMENT_BYTES_MAX = 1 << 20 };

static const char document_mark[] = "\xef\xbb\xbf";

/* The number between `before` and the first `end` of `*rest`, which then begins after it. */
static bool document_number(struct slice *rest, const char *before, char end, uint64_t *ret_number)
{
    const size_t len = strlen(before);
    struct slice head;

    if (rest->len < len || memcmp(rest->data, before, len) != 0) return false;
    rest->data += len, rest->len -= len;
    head = slice_cut(rest, end);
    return rest->data != NULL && number_parse_u64(head, ret_number);
}

/* The scanner's "line 3, column 5: …" as "FILE:3:5: …". */
static int document_fault(const struct document *document, struct slice detail, struct error *err)
{
    struct slice rest = detail;
    uint64_t line, column;

    if (document_number(&rest, "line ", ',', &line) && document_number(&rest, " column ", ':', &column)) {
        return error_set(err, ERROR_INVALID, "%s:%" PRIu64 ":%" PRIu64 ": invalid JSON:%.*s", document->path, line,
                         column, SLICE_FMT(rest));
    }
    return error_set(err, ERROR_INVALID, "%s: invalid JSON: %.*s", document->path, SLICE_FMT(detail));
}

int document_load(struct document *document, const char *path, struct arena *arena, struct error *err)
{
    const bool is_input = strcmp(path, "-") == 0;
    struct slice detail = SLICE_NONE;
    struct buf text = {0};
    const bool ok =
        is_input ? file_read_fd(STDIN_FILENO, DOCUMENT_BYTES_MAX, &text) : file_read(path, DOCUMENT_BYTES_MAX, &text);
    const int problem = errno;

    /* Some editors begin UTF-8 text with a byte order mark. */
    if (text.len >= strlen(document_mark) && memcmp(text.data, document_mark, strlen(document_mark)) == 0) {
        buf_consume(&text, strlen(document_mark));
    }
    document->path = is_input ? "standard input" : path;
    document->text = arena_copy(arena, buf_slice(&text));
    buf_clear(&text);
    if (!ok) {
        errno = problem;
        error_set_errno(err, "%s: cannot be read", document->path);
        if (err != NULL) err->code = ERROR_INVALID;
        return -1;
    }
    if (document->text.data[strspn(document->text.data, " \t\r\n")] == '\0' &&
        memchr(document->text.data, '\0', document->text.len) == NULL) {
        return error_set(err, ERROR_INVALID, "%s:1:1: invalid JSON: the file is empty", document->path);
    }
    if (json_scan_members(arena, document->text, JSON_DEPTH_MAX, NULL, &detail)) return 0;
    return document_fault(document, detail, err);
}

void place_at(const struct document *document, size_t offset, struct buf *out)
{
    const char *text = document->text.data;
    size_t line = 1, start = 0;

    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') line++, start = i + 1;
    }
    buf_printf(out, "%s:%zu:%zu: ", document->path, line, utf8_count(text + start, offset - start) + 1);
}

/* The next reference token of a pointer, unescaped. */
static struct slice pointer_token(struct slice *rest, struct arena *arena)
{
    const struct slice raw = slice_cut(rest, '/');
    char *out = arena_alloc(arena, raw.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] == '~' && i + 1 < raw.len) {
            out[len++] = raw.data[++i] == '1' ? '/' : '~';
        } else {
            out[len++] = raw.data[i];
        }
    }
    return (struct slice){out, len};
}

static struct slice pointer_value(struct slice base, struct slice pointer, struct arena *arena)
{
    struct slice value = base, detail;

    if (pointer.len == 0) return base;
    pointer.data++, pointer.len--;
    while (pointer.data != NULL) {
        const struct slice token = pointer_token(&pointer, arena);
        struct json_members members = {0};

        if (value.len == 0 || value.data[0] != '{') break;
        if (!json_scan_members(arena, value, JSON_DEPTH_MAX, &members, &detail)) break;
        const struct slice found = json_members_find(&members, token);

        if (found.data == NULL) break;
        value = found;
    }
    return value;
}

/* Bytes of a character of a JSON string as it is written. */
static size_t string_step(struct slice rest)
{
    if (rest.data[0] != '\\') {
        const size_t wide = utf8_length(rest.data, rest.len);

        return wide == 0 ? 1 : wide;
    }
    if (rest.len < 2 || rest.data[1] != 'u') return 2;
    /* A surrogate pair is one character. */
    return rest.len >= 12 && strncasecmp(rest.data + 2, "d8", 2) >= 0 && strncasecmp(rest.data + 2, "dc", 2) < 0 ? 12
                                                                                                                 : 6;
}

size_t place_of(const struct document *document, struct slice pointer, size_t column, struct arena *arena)
{
    const struct slice value = pointer_value(document->text, pointer, arena);
    size_t at = 0;

    if (column > 0 && value.len > 0 && value.data[0] == '"') {
        for (at = 1; column > 1 && at + 1 < value.len; column--) {
            at += string_step((struct slice){value.data + at, value.len - at});
        }
    } else if (column > 0) {
        at = column - 1 < value.len ? column - 1 : 0;
    }
    return (size_t)(value.data - document->text.data) + at;
}
