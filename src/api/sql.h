/* What the resources' statements and parameters have in common: inside the room only. */
#ifndef API_SQL_H
#define API_SQL_H

#include "api/api.h"

/* One page of the rows of `page`, which has at most limit + 1 of them: the last is only there to say that more follow.
 * `cursor` is the column by which the page is ordered, downwards. */
#define API_PAGE_BODY(cursor, limit)                                                                        \
    "SELECT '{\"items\":' || coalesce(array_to_json(array_agg(row_to_json(k) ORDER BY k." cursor " DESC)\n" \
    "        FILTER (WHERE k." cursor " IS NOT NULL))::text, '[]')\n"                                       \
    "    || ',\"next\":' || coalesce('\"' || n.next || '\"', 'null') || '}' AS body,\n"                     \
    "    n.next\n"                                                                                          \
    "FROM (SELECT CASE WHEN count(*) > " limit " THEN\n"                                                    \
    "          (SELECT " cursor "::text\n"                                                                  \
    "           FROM page\n"                                                                                \
    "           ORDER BY " cursor " DESC\n"                                                                 \
    "           OFFSET " limit " - 1\n"                                                                     \
    "           LIMIT 1) END AS next\n"                                                                     \
    "      FROM page) AS n\n"                                                                               \
    "LEFT JOIN (SELECT *\n"                                                                                 \
    "           FROM page\n"                                                                                \
    "           ORDER BY " cursor " DESC\n"                                                                 \
    "           LIMIT " limit ") AS k ON true\n"                                                            \
    "GROUP BY n.next"

/* The path's {id}. */
/* clang-format off */
#define API_PARAM_ID                                         \
    {                                                        \
        .in = API_IN_PATH, .type = DB_TYPE_UUID,             \
        .field = {                                           \
            .name = "id",                                    \
            .type = JSON_TYPE_STRING,                        \
            .format = JSON_FORMAT_UUID,                      \
            .required = true,                                \
            .description = "The id that the server gave it", \
        },                                                   \
    }

#define API_PARAM_LIMIT                           \
    {                                             \
        .in = API_IN_QUERY, .type = DB_TYPE_INT8, \
        .field = {                                \
            .name = "limit",                      \
            .type = JSON_TYPE_INTEGER,            \
            .has_minimum = true,                  \
            .minimum = 1,                         \
            .has_maximum = true,                  \
            .maximum = 200,                       \
            .default_text = "50",                 \
            .description = "Items per page",        \
        },                                        \
    }
/* clang-format on */

#define API_CURSOR_DESCRIPTION "Cursor: the value of next on the page before"

/* The cursor of a list that is ordered by id. */
/* clang-format off */
#define API_PARAM_AFTER_ID                         \
    {                                              \
        .in = API_IN_QUERY, .type = DB_TYPE_UUID,  \
        .field = {                                 \
            .name = "after",                       \
            .type = JSON_TYPE_STRING,              \
            .format = JSON_FORMAT_UUID,            \
            .description = API_CURSOR_DESCRIPTION, \
        },                                         \
    }
/* clang-format on */

/* Whose request it is: the id of its token, NULL without one. */
/* clang-format off */
#define API_PARAM_CLIENT                           \
    {                                              \
        .in = API_IN_CLIENT, .type = DB_TYPE_UUID, \
        .field = {.name = "client"},               \
    }
/* clang-format on */

#endif
