/*
 * Who may put something in the way of our names. A session finds functions, operators and tables by its search path,
 * and takes, of functions of one name, the one whose parameters fit best, wherever on the path that is. So whoever may
 * create objects in a schema on the path may run as whoever uses it. Sources: PostgreSQL documentation, "Schemas"
 * (Usage Patterns), "Function Type Resolution"; CVE-2018-1058.
 */
#include "pg/pg.h"

/* The schemas on the path, and in each whom it may trust: superusers, who own the schema, the database or the tables,
 * and ourselves. Functions are named with their schema throughout: this is asked before anybody is trusted. */
#define TRUST_OF_PATH                                                                       \
    "WITH own AS (\n"                                                                       \
    "    SELECT n.oid, n.nspname, n.nspowner, n.nspacl\n"                                   \
    "    FROM pg_catalog.pg_namespace AS n\n"                                               \
    "    WHERE n.nspname = ANY (pg_catalog.current_schemas(false))\n"                       \
    "        AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')),\n"         \
    "ledger AS (\n"                                                                         \
    "    SELECT c.relowner\n"                                                               \
    "    FROM pg_catalog.pg_class AS c\n"                                                   \
    "    JOIN own AS o ON o.oid = c.relnamespace\n"                                         \
    "    WHERE c.relname = 'schema_migrations'),\n"                                         \
    "trusted AS (\n"                                                                        \
    "    SELECT o.oid AS schema, r.oid AS role\n"                                           \
    "    FROM own AS o\n"                                                                   \
    "    JOIN pg_catalog.pg_roles AS r ON r.rolsuper\n"                                     \
    "        OR r.oid = o.nspowner\n"                                                       \
    "        OR r.rolname = current_user\n"                                                 \
    "        OR r.rolname = session_user\n"                                                 \
    "        OR r.rolname = 'pg_database_owner'\n"                                          \
    "        OR EXISTS (\n"                                                                 \
    "            SELECT\n"                                                                  \
    "            FROM ledger AS l\n"                                                        \
    "            WHERE l.relowner = r.oid)\n"                                               \
    "        OR EXISTS (\n"                                                                 \
    "            SELECT\n"                                                                  \
    "            FROM pg_catalog.pg_database AS d\n"                                        \
    "            WHERE d.datname = pg_catalog.current_database() AND d.datdba = r.oid)),\n" \
    "strangers AS (\n"                                                                      \
    "    SELECT o.oid AS schema, o.nspname, o.nspacl, r.oid AS role, r.rolname\n"           \
    "    FROM own AS o\n"                                                                   \
    "    CROSS JOIN pg_catalog.pg_roles AS r\n"                                             \
    "    WHERE NOT EXISTS (\n"                                                              \
    "        SELECT\n"                                                                      \
    "        FROM trusted AS t\n"                                                           \
    "        WHERE t.schema = o.oid AND t.role = r.oid))\n"

/* As long as there are no tables, nobody knows who is to own them: then only everybody's privilege counts. */
#define TRUST_GRANTS                                                                                            \
    "    SELECT pg_catalog.format(\n"                                                                           \
    "        '%s may create objects in the schema %I: REVOKE CREATE ON SCHEMA %I FROM %s',\n"                   \
    "        g.who, g.nspname, g.nspname, g.name) AS said\n"                                                    \
    "    FROM (\n"                                                                                              \
    "        SELECT o.nspname, 'everybody' AS who, 'PUBLIC' AS name, 0::pg_catalog.oid AS role,\n"              \
    "            o.nspacl\n"                                                                                    \
    "        FROM own AS o\n"                                                                                   \
    "        UNION ALL\n"                                                                                       \
    "        SELECT s.nspname, pg_catalog.concat('the role ', s.rolname), pg_catalog.quote_ident(s.rolname),\n" \
    "            s.role, s.nspacl\n"                                                                            \
    "        FROM strangers AS s\n"                                                                             \
    "        CROSS JOIN ledger) AS g\n"                                                                         \
    "    WHERE EXISTS (\n"                                                                                      \
    "        SELECT\n"                                                                                          \
    "        FROM pg_catalog.aclexplode(g.nspacl) AS a\n"                                                       \
    "        WHERE a.grantee = g.role AND a.privilege_type = 'CREATE')\n"

/* What such a role left behind: of functions only those that have a name which we may mean. */
#define TRUST_FUNCTIONS                                                                                           \
    "    SELECT pg_catalog.format(\n"                                                                             \
    "        'the function %1$s of the role %2$I could be taken for another one: DROP FUNCTION %1$s',\n"          \
    "        f.name, f.rolname)\n"                                                                                \
    "    FROM (\n"                                                                                                \
    "        SELECT s.rolname, pg_catalog.format('%I.%I(%s)', s.nspname, p.proname,\n"                            \
    "                                            pg_catalog.pg_get_function_identity_arguments(p.oid)) AS name\n" \
    "        FROM pg_catalog.pg_proc AS p\n"                                                                      \
    "        JOIN strangers AS s ON s.schema = p.pronamespace AND s.role = p.proowner\n"                          \
    "        WHERE NOT EXISTS (\n"                                                                                \
    "                SELECT\n"                                                                                    \
    "                FROM pg_catalog.pg_depend AS d\n"                                                            \
    "                WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass\n"                               \
    "                    AND d.objid = p.oid\n"                                                                   \
    "                    AND d.deptype = 'e')\n"                                                                  \
    "            AND EXISTS (\n"                                                                                  \
    "                SELECT\n"                                                                                    \
    "                FROM pg_catalog.pg_proc AS k\n"                                                              \
    "                JOIN pg_catalog.pg_namespace AS n ON n.oid = k.pronamespace\n"                               \
    "                WHERE k.proname = p.proname\n"                                                               \
    "                    AND k.proowner <> p.proowner\n"                                                          \
    "                    AND (n.nspname = 'pg_catalog' OR n.oid = s.schema))) AS f\n"

#define TRUST_OPERATORS                                                                                            \
    "    SELECT pg_catalog.format(\n"                                                                              \
    "        'the operator %s of the role %I in the schema %I could be taken for PostgreSQL''s: DROP OPERATOR',\n" \
    "        p.oprname, s.rolname, s.nspname)\n"                                                                   \
    "    FROM pg_catalog.pg_operator AS p\n"                                                                       \
    "    JOIN strangers AS s ON s.schema = p.oprnamespace AND s.role = p.oprowner\n"                               \
    "    WHERE NOT EXISTS (\n"                                                                                     \
    "        SELECT\n"                                                                                             \
    "        FROM pg_catalog.pg_depend AS d\n"                                                                     \
    "        WHERE d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass\n"                                    \
    "            AND d.objid = p.oid\n"                                                                            \
    "            AND d.deptype = 'e')\n"

/* Only a superuser may set it, so it cannot be pinned; the schema's promises are its triggers. */
#define TRUST_TRIGGERS                                                                                                \
    "    SELECT pg_catalog.format(\n"                                                                                 \
    "        'session_replication_role keeps triggers from running: ALTER ROLE %I RESET session_replication_role',\n" \
    "        session_user)\n"                                                                                         \
    "    WHERE pg_catalog.current_setting('session_replication_role') NOT IN ('origin', 'local')\n"

const char pg_trust_sql[] =
    TRUST_OF_PATH "SELECT pg_catalog.string_agg(f.said, '; ' ORDER BY f.said) AS why\n"
                  "FROM (\n" TRUST_GRANTS "    UNION ALL\n" TRUST_FUNCTIONS "    UNION ALL\n" TRUST_OPERATORS
                  "    UNION ALL\n" TRUST_TRIGGERS "    LIMIT 8) AS f";
