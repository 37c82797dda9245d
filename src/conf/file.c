/* The settings file's grammar, and reading small files whole. */
#include <errno.h>

#include "base/file.h"
#include "conf/internal.h"

enum { CONF_FILE_BYTES_MAX = 1024 * 1024, CONF_FILE_BYTES_USUAL = 64 * 1024 };

bool conf_file_read(struct arena *arena, const char *path, struct slice *ret_text, int *ret_errno)
{
    struct buf content = {0};

    (void)buf_reserve(&content, CONF_FILE_BYTES_USUAL); /* growing would leave pieces of it behind */
    bool ok = file_read(path, CONF_FILE_BYTES_MAX, &content);

    if (ok) {
        *ret_text = arena_copy(arena, buf_slice(&content));
    } else {
        *ret_errno = errno;
    }
    buf_burn(&content); /* it may have been a password */
    return ok;
}

static bool conf_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* What may stand after a value: blanks, and a comment. */
static bool conf_is_blank_or_comment(struct slice rest)
{
    rest = slice_trim(rest);
    return rest.len == 0 || rest.data[0] == '#';
}

static const char *conf_quoted_parse(struct arena *arena, struct slice text, struct slice *ret_value)
{
    char quote = text.data[0];
    char *value = arena_alloc(arena, text.len);
    size_t len = 0, at = 1;

    for (; at < text.len && text.data[at] != quote; at++) {
        char c = text.data[at];

        if (quote == '"' && c == '\\') {
            if (at + 1 == text.len) break;
            c = text.data[++at];
            if (c != '\\' && c != '"')
                return "only \\\\ and \\\" are escapes in double quotes; single quotes have none";
        }
        value[len++] = c;
    }
    if (at >= text.len || text.data[at] != quote) return "the quote is not closed on this line";
    if (!conf_is_blank_or_comment((struct slice){text.data + at + 1, text.len - at - 1}))
        return "there is text after the closing quote";
    value[len] = '\0';
    *ret_value = (struct slice){value, len};
    return NULL;
}

static const char *conf_bare_parse(struct arena *arena, struct slice text, struct slice *ret_value)
{
    size_t len = 0;

    while (len < text.len && !conf_is_blank(text.data[len]) && text.data[len] != '#') len++;

    struct slice rest = {text.data + len, text.len - len};

    if (len > 0 && rest.len > 0 && rest.data[0] == '#') return "a value that holds # needs quotes around it";
    if (!conf_is_blank_or_comment(rest)) return "a value that holds spaces needs quotes around it";
    if (memchr(text.data, '"', len) != NULL || memchr(text.data, '\'', len) != NULL) {
        return "the value has a quote inside, but does not begin with one";
    }
    *ret_value = arena_copy(arena, (struct slice){text.data, len});
    return NULL;
}

static const char *conf_line_parse(struct arena *arena, struct slice text, struct conf_line *line)
{
    struct slice value = text;
    struct slice name = slice_trim(slice_cut(&value, '='));

    if (memchr(text.data, '\0', text.len) != NULL) return "the line has a NUL byte";
    if (value.data == NULL) return "the line is not NAME=VALUE";
    if (name.len == 0) return "there is no name before the equals sign";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return "the line is not NAME=VALUE: a name has letters, digits and underscores";
        }
    }
    line->name = name;
    if (value.len > 0 && value.data[0] == '#') return "a value that holds # needs quotes around it";
    value = slice_trim(value);
    if (value.len > 0 && (value.data[0] == '"' || value.data[0] == '\'')) {
        return conf_quoted_parse(arena, value, &line->value);
    }
    return conf_bare_parse(arena, value, &line->value);
}

void conf_file_parse(struct arena *arena, struct slice text, struct conf_lines *ret_lines)
{
    struct conf_lines lines = {0};
    unsigned number = 0;
    size_t count = 1;

    for (size_t i = 0; i < text.len; i++) count += text.data[i] == '\n';
    lines.items = arena_zalloc(arena, count * sizeof(*lines.items));
    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) text.data += 3, text.len -= 3;
    while (text.data != NULL) {
        struct slice content = slice_cut(&text, '\n');

        number++;
        if (content.len > 0 && content.data[content.len - 1] == '\r') content.len--;
        content = slice_trim(content);
        if (content.len == 0 || content.data[0] == '#') continue;

        struct conf_line *line = &lines.items[lines.count++];

        line->number = number;
        line->problem = conf_line_parse(arena, content, line);
    }
    *ret_lines = lines;
}
