/*
 * Who may put something in the way of our names. A session finds functions, operators and tables by its search path,
 * and takes, of functions of one name, the one whose parameters fit best, wherever on the path that is. So whoever may
 * create objects in a schema on the path may run as whoever uses it. Sources: PostgreSQL documentation, "Schemas"
 * (Usage Patterns), "Function Type Resolution"; CVE-2018-1058.
 */
#include "pg/pg.h"

/* The schemas on the path, and in each whom it may trust: superusers, who own the schema, the database or the tables,
 * and ourselves. Functions are named with their schema throughout: this is asked before anybody is trusted. */
#define TRUST_OF_PATH                                                                                          \
    "WITH own AS (\n"                                                                                          \
    "    SELECT n.oid, n.nspname, n.nspowner, n.nspacl\n"                                                      \
    "    FROM pg_catalog.pg_namespace AS n\n"                                                                  \
    "    WHERE n.nspname = ANY (pg_catalog.current_schemas(false))\n"                                          \
    "        AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')),\n"                            \
    "ledger AS (\n"                                                                                            \
    "    SELECT c.relowner\n"                                                                                  \
    "    FROM pg_catalog.pg_class AS c\n"                                                                      \
    "    JOIN own AS o ON o.oid = c.relnamespace\n"                                                            \
    "    WHERE c.relname = 'schema_migrations'),\n"                                                            \
    "trusted AS (\n"                                                                                           \
    "    SELECT o.oid AS schema, r.oid AS role\n"                                                              \
    "    FROM own AS o\n"                                                                                      \
    "    JOIN pg_catalog.pg_roles AS r ON r.rolsuper OR r.oid = o.nspowner OR r.rolname = current_user\n"      \
    "        OR r.rolname = session_user OR r.rolname = 'pg_database_owner'\n"                                 \
    "        OR EXISTS (SELECT FROM ledger AS l WHERE l.relowner = r.oid)\n"                                   \
    "        OR EXISTS (\n"                                                                                    \
    "            SELECT\n"                                                                                     \
    "            FROM pg_catalog.pg_database AS d\n"                                                           \
    "            WHERE d.datname = pg_catalog.current_database() AND d.datdba = r.oid))\n"

/* As long as there are no tables, nobody knows who is to own them: then only everybody's privilege counts. */
#define TRUST_GRANTS                                                                                               \
    "    SELECT pg_catalog.format(\n"                                                                              \
    "        '%s may create objects in the schema %I, and functions of theirs would run as this service: '\n"      \
    "        'REVOKE CREATE ON SCHEMA %I FROM %s (as the owner of the schema, or a superuser)',\n"                 \
    "        CASE WHEN a.grantee = 0 THEN 'everybody (PUBLIC)' ELSE pg_catalog.format('the role %I', r.rolname) END,\n" \
    "        o.nspname, o.nspname,\n"                                                                              \
    "        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(r.rolname) END) AS said\n"          \
    "    FROM own AS o\n"                                                                                          \
    "    CROSS JOIN LATERAL pg_catalog.aclexplode(o.nspacl) AS a\n"                                                \
    "    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.grantee\n"                                                \
    "    WHERE a.privilege_type = 'CREATE' AND (a.grantee = 0 OR EXISTS (SELECT FROM ledger))\n"                   \
    "        AND NOT EXISTS (SELECT FROM trusted AS t WHERE t.schema = o.oid AND t.role = a.grantee)\n"

/* What such a role left behind: of functions only those that have a name which we may mean. */
#define TRUST_FUNCTIONS                                                                                            \
    "    SELECT pg_catalog.format(\n"                                                                              \
    "        'the function %s belongs to the role %I, and may run in the place of another one of that name: '\n"   \
    "        'DROP FUNCTION %s, or give it to the owner of the tables',\n"                                         \
    "        f.name, f.rolname, f.name)\n"                                                                         \
    "    FROM (\n"                                                                                                 \
    "        SELECT r.rolname, pg_catalog.format('%I.%I(%s)', o.nspname, p.proname,\n"                             \
    "                                            pg_catalog.pg_get_function_identity_arguments(p.oid)) AS name\n"  \
    "        FROM pg_catalog.pg_proc AS p\n"                                                                       \
    "        JOIN own AS o ON o.oid = p.pronamespace\n"                                                            \
    "        JOIN pg_catalog.pg_roles AS r ON r.oid = p.proowner\n"                                                \
    "        WHERE NOT EXISTS (SELECT FROM trusted AS t WHERE t.schema = o.oid AND t.role = p.proowner)\n"         \
    "            AND NOT EXISTS (\n"                                                                               \
    "                SELECT\n"                                                                                     \
    "                FROM pg_catalog.pg_depend AS d\n"                                                             \
    "                WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid\n"            \
    "                    AND d.deptype = 'e')\n"                                                                   \
    "            AND EXISTS (\n"                                                                                   \
    "                SELECT\n"                                                                                     \
    "                FROM pg_catalog.pg_proc AS k\n"                                                               \
    "                JOIN pg_catalog.pg_namespace AS n ON n.oid = k.pronamespace\n"                                \
    "                WHERE k.proname = p.proname AND k.proowner <> p.proowner\n"                                   \
    "                    AND (n.nspname = 'pg_catalog' OR n.oid = o.oid))) AS f\n"

#define TRUST_OPERATORS                                                                                            \
    "    SELECT pg_catalog.format(\n"                                                                              \
    "        'the operator %s of the schema %I belongs to the role %I, and may run in the place of PostgreSQL''s: '\n" \
    "        'drop it (DROP OPERATOR), or give it to the owner of the tables', p.oprname, o.nspname, r.rolname)\n" \
    "    FROM pg_catalog.pg_operator AS p\n"                                                                       \
    "    JOIN own AS o ON o.oid = p.oprnamespace\n"                                                                \
    "    JOIN pg_catalog.pg_roles AS r ON r.oid = p.oprowner\n"                                                    \
    "    WHERE NOT EXISTS (SELECT FROM trusted AS t WHERE t.schema = o.oid AND t.role = p.oprowner)\n"             \
    "        AND NOT EXISTS (\n"                                                                                   \
    "            SELECT\n"                                                                                         \
    "            FROM pg_catalog.pg_depend AS d\n"                                                                 \
    "            WHERE d.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass AND d.objid = p.oid\n"            \
    "                AND d.deptype = 'e')\n"

/* Only a superuser may set it, so it cannot be pinned; the schema's promises are its triggers. */
#define TRUST_TRIGGERS                                                                                             \
    "    SELECT pg_catalog.format(\n"                                                                              \
    "        'session_replication_role is %s, so that no trigger of the schema runs: as a superuser, '\n"          \
    "        'ALTER ROLE %I RESET session_replication_role, or ALTER DATABASE %I …', \n"                           \
    "        pg_catalog.current_setting('session_replication_role'), session_user,\n"                              \
    "        pg_catalog.current_database())\n"                                                                     \
    "    WHERE pg_catalog.current_setting('session_replication_role') NOT IN ('origin', 'local')\n"

const char pg_trust_sql[] =
    TRUST_OF_PATH "SELECT pg_catalog.string_agg(f.said, '; ' ORDER BY f.said) AS why\n"
                  "FROM (\n" TRUST_GRANTS "    UNION ALL\n" TRUST_FUNCTIONS "    UNION ALL\n" TRUST_OPERATORS
                  "    UNION ALL\n" TRUST_TRIGGERS "    LIMIT 8) AS f";
