#include "candles/lines.h"

void lines_clear(struct lines *lines)
{
    buf_clear(&lines->part);
    *lines = (struct lines){0};
}

static int lines_give(struct lines *lines, struct slice text, line_take *take, void *context, struct error *err)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct line line = {text, ++lines->count, lines->is_cut};

    if (text.len > LINES_BYTES_MAX) {
        line.text.len = LINES_BYTES_MAX;
        line.is_cut = true;
    }
    lines->is_cut = false;
    if (line.text.len > 0 && line.text.data[line.text.len - 1] == '\r') line.text.len--;
    if (line.number == 1 && line.text.len >= strlen(mark) && memcmp(line.text.data, mark, strlen(mark)) == 0) {
        line.text.data += strlen(mark);
        line.text.len -= strlen(mark);
    }
    return take(context, &line, err);
}

/* A line's beginning waits, as far as it may be long. */
static void lines_keep(struct lines *lines, struct slice text)
{
    const size_t room = LINES_BYTES_MAX - lines->part.len;

    if (text.len > room) {
        lines->is_cut = true;
        text.len = room;
    }
    buf_add_slice(&lines->part, text);
}

int lines_feed(struct lines *lines, struct slice bytes, line_take *take, void *context, struct error *err)
{
    while (bytes.len > 0) {
        const char *end = memchr(bytes.data, '\n', bytes.len);
        struct slice text = {bytes.data, end == NULL ? bytes.len : (size_t)(end - bytes.data)};

        if (end == NULL) {
            lines_keep(lines, text);
            return 0;
        }
        bytes.data += text.len + 1;
        bytes.len -= text.len + 1;
        const bool has_part = lines->part.len > 0;

        if (has_part) {
            lines_keep(lines, text);
            text = buf_slice(&lines->part);
        }
        const int outcome = lines_give(lines, text, take, context, err);

        if (has_part) buf_reset(&lines->part);
        if (outcome != 0) return -1;
    }
    return 0;
}

int lines_end(struct lines *lines, line_take *take, void *context, struct error *err)
{
    int outcome = 0;

    if (lines->part.len > 0) outcome = lines_give(lines, buf_slice(&lines->part), take, context, err);
    lines_clear(lines);
    return outcome;
}

static struct slice lines_bare(struct slice cell)
{
    cell = slice_trim(cell);
    if (cell.len >= 2 && cell.data[0] == '"' && cell.data[cell.len - 1] == '"') {
        cell.data++;
        cell.len -= 2;
        cell = slice_trim(cell);
    }
    return cell;
}

size_t lines_split(struct slice line, char separator, struct slice cells[LINES_CELLS_MAX])
{
    const char *at = line.data, *end = line.data + line.len, *begin = at;
    bool is_quoted = false;
    size_t count = 0;

    for (; at < end && count < LINES_CELLS_MAX; at++) {
        if (*at == '"') is_quoted = !is_quoted;
        if (*at != separator || is_quoted) continue;
        cells[count++] = lines_bare((struct slice){begin, (size_t)(at - begin)});
        begin = at + 1;
    }
    if (count < LINES_CELLS_MAX) cells[count++] = lines_bare((struct slice){begin, (size_t)(end - begin)});
    return count;
}
