/*
 * What a session's settings must be, whatever the role, the database, PGOPTIONS or a connection string's options= say.
 * Sources: PostgreSQL documentation, "Client Connection Defaults", "Version and Platform Compatibility", "Writing
 * SECURITY DEFINER Functions Safely" (for the search path), and pgbouncer(5), ignore_startup_parameters.
 */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pg/pg.h"

enum { PINS_TRANSACTION_TIMEOUT_SINCE = 170000 };

/* docs/operations.md has this list for people. Every one of them may be set by whoever connects. Not here is what an
 * operator may mean: default_transaction_read_only, synchronous_commit, role, memory, the planner's. */
static const struct pins_row {
    struct pg_pin pin;
    bool is_new; /* not every version that we serve knows it */
} pins_rows[] = {
    /* How statements are read, and what they mean. */
    {{"standard_conforming_strings", "on"}, false}, /* or the pattern of a search finds nothing */
    {{"backslash_quote", "safe_encoding"}, false},
    {{"array_nulls", "on"}, false},
    {{"transform_null_equals", "off"}, false},
    {{"quote_all_identifiers", "off"}, false}, /* names in messages, and the ledger's */
    {{"timezone_abbreviations", "Default"}, false},
    {{"gin_fuzzy_search_limit", "0"}, false}, /* or a search leaves out rows */
    /* How values are written. */
    {{"DateStyle", "ISO,MDY"}, false},
    {{"IntervalStyle", "iso_8601"}, false},
    {{"TimeZone", "UTC"}, false},
    {{"bytea_output", "hex"}, false},
    {{"extra_float_digits", "1"}, false},
    /* Transactions. A statement of ours is one, and meets others as READ COMMITTED has it. */
    {{"default_transaction_isolation", "read committed"}, false},
    {{"default_transaction_deferrable", "off"}, false},
    /* The session: it may be idle for ever, an error does not end it, and a commit that no standby has says so in a
     * warning. */
    {{"idle_session_timeout", "0"}, false},
    {{"transaction_timeout", "0"}, true},
    {{"exit_on_error", "off"}, false},
    {{"client_min_messages", "notice"}, false},
};

/*
 * The schema that holds our tables: the first one on the session's search path with a ledger. If there is none, it is
 * public, if our tables are there and the role may read them, so that a path which leads elsewhere changes nothing
 * (unless the connection string asks for that path itself); else the first schema on the path, where they will be made.
 */
#define PINS_OWN                                                                                             \
    "WITH path AS (\n"                                                                                       \
    "    SELECT s.name, s.place\n"                                                                           \
    "    FROM (\n"                                                                                           \
    "        SELECT (pg_catalog.current_schemas(false))[g.place] AS name, g.place\n"                         \
    "        FROM pg_catalog.generate_subscripts(pg_catalog.current_schemas(false), 1) AS g(place)) AS s\n"  \
    "    WHERE NOT pg_catalog.starts_with(s.name::pg_catalog.text, 'pg_')),\n"                               \
    "tables AS (\n"                                                                                          \
    "    SELECT n.nspname AS name, c.relname, c.oid\n"                                                       \
    "    FROM pg_catalog.pg_class AS c\n"                                                                    \
    "    JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace\n"                 \
    "    WHERE c.relname OPERATOR(pg_catalog.=) 'schema_migrations'\n"                                       \
    "        OR c.relname OPERATOR(pg_catalog.=) 'strategy_versions'),\n"                                    \
    "found AS (\n"                                                                                           \
    "    SELECT p.name, 1 AS rank, p.place\n"                                                                \
    "    FROM path AS p\n"                                                                                   \
    "    JOIN tables AS t ON t.name OPERATOR(pg_catalog.=) p.name\n"                                         \
    "        AND t.relname OPERATOR(pg_catalog.=) 'schema_migrations'\n"                                     \
    "    UNION ALL\n"                                                                                        \
    "    SELECT t.name, 2, 0\n"                                                                              \
    "    FROM tables AS t\n"                                                                                 \
    "    JOIN pg_catalog.pg_settings AS o ON o.name OPERATOR(pg_catalog.=) 'search_path'\n"                  \
    "        AND o.source OPERATOR(pg_catalog.<>) 'client'\n"                                                \
    "    WHERE t.name OPERATOR(pg_catalog.=) 'public' AND pg_catalog.has_table_privilege(t.oid, 'SELECT')\n" \
    "    GROUP BY t.name\n"                                                                                  \
    "    HAVING pg_catalog.count(*) OPERATOR(pg_catalog.=) 2\n"                                              \
    "    UNION ALL\n"                                                                                        \
    "    SELECT p.name, 3, p.place\n"                                                                        \
    "    FROM path AS p\n"                                                                                   \
    "    UNION ALL\n"                                                                                        \
    "    SELECT 'public', 4, 0),\n"                                                                          \
    "own AS (\n"                                                                                             \
    "    SELECT f.name\n"                                                                                    \
    "    FROM found AS f\n"                                                                                  \
    "    ORDER BY f.rank, f.place\n"                                                                         \
    "    LIMIT 1),\n"

/* pg_catalog is not named, so that it comes before all of them: nobody's function can take the place of one of
 * PostgreSQL's own. pg_temp is named, or it would come before everything, and last. */
static const char pins_own[] =
    PINS_OWN "pinned AS (\n"
             "    SELECT pg_catalog.concat_ws(', ', pg_catalog.quote_ident(o.name), 'pg_temp') AS path\n"
             "    FROM own AS o)\n";
static const char pins_own_first[] =
    PINS_OWN "others AS (\n"
             "    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(p.name), ', ' ORDER BY p.place) AS path\n"
             "    FROM path AS p\n"
             "    JOIN own AS o ON o.name OPERATOR(pg_catalog.<>) p.name),\n"
             "pinned AS (\n"
             "    SELECT pg_catalog.concat_ws(', ', pg_catalog.quote_ident(o.name), r.path, 'pg_temp') AS path\n"
             "    FROM own AS o\n"
             "    CROSS JOIN others AS r)\n";

static void pins_add_literal(struct buf *sql, const char *text)
{
    buf_add_char(sql, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') buf_add_char(sql, '\'');
        buf_add_char(sql, *text);
    }
    buf_add_char(sql, '\'');
}

static void pins_add_row(struct buf *sql, const struct pg_pin *pin)
{
    buf_add_char(sql, '(');
    pins_add_literal(sql, pin->name);
    buf_add_str(sql, ", ");
    pins_add_literal(sql, pin->value);
    buf_add_str(sql, "),\n");
}

char *pg_pins_sql(const struct pg_pin *own, size_t count, enum pg_path way, const char *path)
{
    struct buf sql = {0};

    if (path == NULL) buf_add_str(&sql, way == PG_PATH_OWN ? pins_own : pins_own_first);
    buf_add_str(&sql, "SELECT pg_catalog.set_config(p.name, p.value, false)\n"
                      "FROM (VALUES\n");
    for (size_t i = 0; i < countof(pins_rows); i++) pins_add_row(&sql, &pins_rows[i].pin);
    for (size_t i = 0; i < count; i++) pins_add_row(&sql, &own[i]);
    buf_add_str(&sql, "('search_path', ");
    if (path == NULL) {
        buf_add_str(&sql, "(SELECT path\n"
                          "FROM pinned)");
    } else {
        pins_add_literal(&sql, path);
    }
    buf_add_str(&sql, ")) AS p(name, value)\n"
                      "WHERE pg_catalog.current_setting(p.name, true) IS NOT NULL");
    return buf_steal(&sql);
}

const char *pg_pins_first(const PGconn *conn)
{
    return PQserverVersion(conn) >= PINS_TRANSACTION_TIMEOUT_SINCE ? "SET transaction_timeout = 0" : NULL;
}

static void pins_add_option(struct buf *out, const struct pg_pin *pin)
{
    buf_printf(out, " -c %s=", pin->name);
    for (const char *at = pin->value; *at != '\0'; at++) {
        if (*at == ' ' || *at == '\\') buf_add_char(out, '\\');
        buf_add_char(out, *at);
    }
}

char *pg_pins_options(const char *given, const struct pg_pin *own, size_t count)
{
    struct buf out = {0};

    if (given == NULL) given = getenv("PGOPTIONS");
    buf_add_str(&out, given == NULL ? "" : given);
    for (size_t i = 0; i < countof(pins_rows); i++) {
        if (!pins_rows[i].is_new) pins_add_option(&out, &pins_rows[i].pin);
    }
    for (size_t i = 0; i < count; i++) pins_add_option(&out, &own[i]);
    return buf_steal(&out);
}
