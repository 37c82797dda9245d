#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/pgtext.h"
#include "pg/internal.h"

/* A new line of the list; NULL if there are enough. */
static struct buf *reason_next(struct pg_target *t)
{
    return t->said_count < PG_TRIES_MAX ? &t->said[t->said_count++] : NULL;
}

void pg_say(struct pg_target *t, const char *fmt, ...)
{
    char text[PG_REASON_BYTES];
    struct buf *line = reason_next(t);
    va_list ap;

    if (line == NULL) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_add_str(line, text);
}

/* The address of the attempt under way, if it was given one. */
static const char *reason_address(const struct pg_target *t)
{
    return t->tried.count > 0 ? t->tried.text[t->tried_count] : "";
}

/* And the name beside it, if there is one. */
static const char *reason_name(const struct pg_target *t)
{
    const char *name = t->hosts[t->order[t->at]].name;

    return t->tried.count > 0 && name != NULL ? name : "";
}

/* libpq names only the address that it was given beside the name. */
static void reason_add_line(struct buf *out, struct slice line, const char *name, const char *address)
{
    char *quoted = mem_printf("\"%s\"", address);
    const char *at = name[0] == '\0' ? NULL : memmem(line.data, line.len, quoted, strlen(quoted));

    if (at != NULL) {
        const size_t before = (size_t)(at - line.data), after = before + strlen(quoted);

        buf_printf(out, "%.*s\"%s\" (%s)", (int)before, line.data, name, address);
        line = (struct slice){line.data + after, line.len - after};
    }
    buf_add_slice(out, line);
    free(quoted);
}

void pg_say_conn(struct pg_target *t)
{
    static const char question[] = "Is the server running";
    const bool several = t->host_count > 1 || t->tries > 1;
    struct slice rest = slice_of(PQerrorMessage(t->conn)), line;
    struct buf *out = reason_next(t);

    if (out == NULL) return;
    while (pgtext_next_line(&rest, &line)) {
        if (several && line.len >= strlen(question) && memcmp(line.data, question, strlen(question)) == 0) continue;
        if (out->len > 0) buf_add_str(out, "; ");
        reason_add_line(out, line, reason_name(t), reason_address(t));
    }
    if (out->len == 0) buf_add_str(out, "libpq does not say why it failed");
}

void pg_duration(unsigned ms, char *out, size_t size)
{
    char text[NUMBER_UNIT_TEXT_BYTES];

    number_format_duration_ms(ms < 1000 ? ms : (ms + 50) / 100 * 100, text);
    snprintf(out, size, "%s", text);
}

void pg_say_nothing(struct pg_target *t)
{
    const char *address = reason_address(t);
    const char *name = reason_name(t);
    char waited[32];

    pg_duration(t->try_ms, waited, sizeof(waited));
    pg_say(t, "connection to server at \"%s\"%s%s%s, port %s failed: no answer in time (%s)",
           name[0] != '\0' ? name : PQhost(t->conn), name[0] != '\0' ? " (" : "", name[0] != '\0' ? address : "",
           name[0] != '\0' ? ")" : "", PQport(t->conn), waited);
}

/* Where a line is cut so that all of them fit: at the end of a character. */
static size_t reason_cut(const struct buf *line, size_t most)
{
    size_t len = line->len;

    if (len <= most) return len;
    len = most;
    while (len > 0 && ((unsigned char)line->data[len] & 0xC0) == 0x80) len--;
    return len;
}

void pg_said(struct pg_target *t)
{
    static const char more[] = "…";
    size_t whole = 0, most = PG_REASON_BYTES;
    struct buf out = {0};

    for (size_t i = 0; i < t->said_count; i++) whole += t->said[i].len + 2;
    if (whole >= PG_REASON_BYTES) most = (PG_REASON_BYTES - 1) / t->said_count - 2 - strlen(more);
    for (size_t i = 0; i < t->said_count; i++) {
        const struct buf *line = &t->said[i];
        const size_t len = reason_cut(line, most);

        if (out.len > 0) buf_add_str(&out, "; ");
        buf_add(&out, line->data, len);
        if (len < line->len) buf_add_str(&out, more);
    }
    snprintf(t->reason, sizeof(t->reason), "%s", buf_cstr(&out));
    buf_clear(&out);
    for (char *p = t->reason; *p != '\0'; p++) {
        if (iscntrl((unsigned char)*p)) *p = ' ';
    }
}

bool pg_sqlstate_is_refusal(const char *sqlstate)
{
    /* Connections, transactions, resources, limits, a lock, an operator, the server's system, the server itself: it may
     * be well again (PostgreSQL, appendix A). */
    static const char *const passing[] = {"08", "40", "53", "54", "55P03", "57", "58", "XX"};

    if (sqlstate[0] == '\0') return false;
    for (size_t i = 0; i < countof(passing); i++) {
        if (strncmp(sqlstate, passing[i], strlen(passing[i])) == 0) return false;
    }
    return true;
}
