/* Strategies and their versions: /api/v1/strategies. */

#include "api/call.h"
#include "api/refusal.h"
#include "api/sql.h"
#include "rules/rules.h"
#include "json/scan.h"

#define STRATEGIES_PATH "/api/v1/strategies"

/* What clients see of a row of strategies that the statement calls s. */
#define STRATEGY_COLUMNS                                                        \
    "s.id, s.name, s.description, s.kind, s.parameters, s.status, s.version,\n" \
    "        rfc3339(s.created_at) AS created_at, rfc3339(s.updated_at) AS updated_at"
#define STRATEGY_BODY                \
    "(SELECT row_to_json(j)::text\n" \
    "     FROM (SELECT " STRATEGY_COLUMNS ") AS j)"

/* The same of a row of strategy_versions that the statement calls v. */
#define STRATEGY_VERSION_COLUMNS                                                         \
    "v.strategy_id, v.version, v.name, v.description, v.kind, v.parameters, v.status,\n" \
    "        rfc3339(v.created_at) AS created_at"

/* What clients write, in the order of the columns; its values, with api.md's defaults for what is left out; and the
 * record that a body is read as, which the statement's "FROM jsonb_to_record(…)" makes. */
#define STRATEGY_MEMBERS "(name, description, kind, parameters, status)"
#define STRATEGY_VALUES \
    "i.name, coalesce(i.description, ''), i.kind, coalesce(i.parameters, '{}'), coalesce(i.status, 'draft')"
#define STRATEGY_RECORD "AS i(name text, description text, kind text, parameters jsonb, status text)"

static const char *const strategy_statuses[] = {"draft", "active", "archived", NULL};

#define STRATEGY_KIND                                                                                            \
    .name = "kind", .type = JSON_TYPE_STRING, .min_length = 1, .max_length = 64, .pattern = "^[a-z][a-z0-9_]*$", \
    .description = "The rule that the strategy follows", .example = "\"sma_crossover\""

/* What clients write: in a strategy, and in each of its versions. */
#define STRATEGY_INPUT_FIELDS                                                                                 \
    {                                                                                                         \
        .name = "name",                                                                                       \
        .type = JSON_TYPE_STRING,                                                                             \
        .required = true,                                                                                     \
        .min_length = 1,                                                                                      \
        .max_length = 100,                                                                                    \
        .description = "Unique among the strategies that are not archived",                                   \
        .example = "\"Golden cross\"",                                                                        \
    },                                                                                                        \
        {                                                                                                     \
            .name = "description",                                                                            \
            .type = JSON_TYPE_STRING,                                                                         \
            .max_length = 2000,                                                                               \
            .default_text = "\"\"",                                                                           \
            .description = "For people",                                                                      \
        },                                                                                                    \
        {STRATEGY_KIND, .required = true},                                                                    \
        {                                                                                                     \
            .name = "parameters",                                                                             \
            .type = JSON_TYPE_OBJECT,                                                                         \
            .max_bytes = 65536,                                                                               \
            .default_text = "{}",                                                                             \
            .description = "What the rule needs; the rule decides which members these are",                   \
            .example = "{\"fast\":10,\"slow\":50}",                                                           \
        },                                                                                                    \
    {                                                                                                         \
        .name = "status", .type = JSON_TYPE_STRING, .values = strategy_statuses, .default_text = "\"draft\"", \
        .description = "The name of an archived strategy can be used again",                                  \
    }

/* clang-format off */
#define STRATEGY_CREATED_AT                                                                                \
    {                                                                                                      \
        .name = "created_at", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME, .read_only = true \
    }
/* clang-format on */

static const struct json_field strategy_fields[] = {
    {.name = "id", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_UUID, .read_only = true},
    STRATEGY_INPUT_FIELDS,
    {
        .name = "version",
        .type = JSON_TYPE_INTEGER,
        .has_minimum = true,
        .minimum = 1,
        .read_only = true,
        .description = "1, 2, and so on: one more with every change",
    },
    STRATEGY_CREATED_AT,
    {.name = "updated_at", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME, .read_only = true},
};

static const struct json_schema strategy_schema = {
    .name = "Strategy",
    .fields = strategy_fields,
    .count = countof(strategy_fields),
};

static const struct json_field strategy_version_fields[] = {
    {.name = "strategy_id", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_UUID},
    {.name = "version", .type = JSON_TYPE_INTEGER, .has_minimum = true, .minimum = 1},
    STRATEGY_INPUT_FIELDS,
    STRATEGY_CREATED_AT,
};

static const struct json_schema strategy_version_schema = {
    .name = "StrategyVersion",
    .fields = strategy_version_fields,
    .count = countof(strategy_version_fields),
};

/* clang-format off */
#define PARAM_IF_MATCH                                                                    \
    {                                                                                     \
        .in = API_IN_IF_MATCH, .type = DB_TYPE_INT8_ARRAY, .field = {.name = "If-Match" } \
    }
/* clang-format on */
static const struct api_param strategies_list_params[] = {
    API_PARAM_LIMIT,
    API_PARAM_AFTER_ID,
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "status",
                  .type = JSON_TYPE_STRING,
                  .values = strategy_statuses,
                  .description = "Only strategies with this status"},
    },
    {.in = API_IN_QUERY, .type = DB_TYPE_TEXT, .field = {STRATEGY_KIND}},
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_TEXT,
        .field = {.name = "q",
                  .type = JSON_TYPE_STRING,
                  .min_length = 3, /* what the index of trigrams can look up */
                  .max_length = 100,
                  .description = "Only strategies with this text in their name, in upper or lower case"},
    },
};

static const struct api_param strategies_id_params[] = {API_PARAM_ID};
static const struct api_param strategies_change_params[] = {API_PARAM_ID, PARAM_IF_MATCH};

static const struct api_param versions_list_params[] = {
    API_PARAM_ID,
    API_PARAM_LIMIT,
    {
        .in = API_IN_QUERY,
        .type = DB_TYPE_INT8,
        .field = {.name = "after",
                  .type = JSON_TYPE_INTEGER,
                  .has_minimum = true,
                  .minimum = 1,
                  .description = API_CURSOR_DESCRIPTION},
    },
};

static const struct api_param versions_get_params[] = {
    API_PARAM_ID,
    {
        .in = API_IN_PATH,
        .type = DB_TYPE_INT8,
        .field = {.name = "version",
                  .type = JSON_TYPE_INTEGER,
                  .required = true,
                  .has_minimum = true,
                  .minimum = 1,
                  .description = "Which of the strategy's versions"},
    },
};

/* ---- What only the rules can say of a body ---- */

/* Of the kinds that backtestd computes; others are left to the services that know them. */
static void strategy_check_rules(struct arena *arena, struct slice kind, struct slice parameters,
                                 struct json_faults *faults)
{
    struct rules_faults found = {.arena = arena};

    if (rules_kind_find(kind) == NULL) return;
    rules_check(kind, parameters, &found);
    for (size_t i = 0; i < found.count && faults->count < JSON_FAULTS_MAX; i++) {
        const struct rules_fault *fault = &found.items[i];

        json_faults_add(faults, arena, slice_of(arena_printf(arena, "/parameters%.*s", SLICE_FMT(fault->pointer))),
                        "%.*s", SLICE_FMT(fault->detail));
        faults->items[faults->count - 1].column = fault->column;
    }
}

static void strategy_check(struct arena *arena, const struct json_members *body, struct slice *values,
                           struct json_faults *faults)
{
    const struct slice kind = json_unquote(arena, json_members_find(body, SLICE_LIT("kind")));
    const struct slice parameters = json_members_find(body, SLICE_LIT("parameters"));

    (void)values;
    /* What is not a string or an object the schema refuses. */
    if (kind.data == NULL || (parameters.data != NULL && parameters.data[0] != '{')) return;
    strategy_check_rules(arena, kind, parameters.data == NULL ? SLICE_LIT("{}") : parameters, faults);
}

/* What a change comes to, whose rows `changed` has with the status that they deserve: $1 is the id, $2 what If-Match
 * names. */
#define CHANGE_ANSWER                                                                \
    "SELECT CASE WHEN c.id IS NOT NULL THEN c.status\n"                              \
    "        WHEN e.id IS NOT NULL AND $2 IS NOT NULL THEN 412\n"                    \
    "        ELSE 404 END AS status,\n"                                              \
    "    c.version AS etag, c.body, c.id IS NULL AND e.id IS NOT NULL AS is_other\n" \
    "FROM (SELECT 1) AS one\n"                                                       \
    "LEFT JOIN changed AS c ON true\n"                                               \
    "LEFT JOIN strategies AS e ON e.id = $1"

/* A strategy's next version, of the members that `json` holds, if its version is one that `known` allows. */
#define CHANGE_SQL(json, known)                                                  \
    "WITH changed AS (\n"                                                        \
    "    UPDATE strategies AS s\n"                                               \
    "    SET " STRATEGY_MEMBERS " = (\n"                                         \
    "        SELECT " STRATEGY_VALUES "\n"                                       \
    "        FROM jsonb_to_record(" json ") " STRATEGY_RECORD ")\n"              \
    "    WHERE s.id = $1 AND ($2 IS NULL OR s.version = ANY ($2))" known "\n"    \
    "    RETURNING s.id, 200 AS status, s.version, " STRATEGY_BODY " AS body)\n" \
    "" CHANGE_ANSWER

/* A strategy with a merge patch, $3, on it. */
#define STRATEGY_PATCHED                                                                                   \
    "jsonb_merge_patch(jsonb_build_object('name', s.name, 'description', s.description, 'kind', s.kind,\n" \
    "            'parameters', s.parameters, 'status', s.status), $3)"

/* ---- A patch. What comes of it can be checked only once it is merged with what there is: the database merges, the
 * rules judge, and the change is made to the version that was judged, or the same again if that has moved on. ---- */

enum { PATCH_READ, PATCH_CHANGE, PATCH_TRIES_MAX = 20 };
enum { PATCH_ID, PATCH_IF_MATCH, PATCH_BODY, PATCH_VERSION, PATCH_VALUES };

static const struct db_statement strategies_patch_statements[] = {
    [PATCH_READ] =
        {
            .name = "patchStrategy:read",
            .sql = "SELECT s.version, p.merged->>'kind' AS kind, coalesce(p.merged->'parameters', '{}') AS parameters\n"
                   "FROM strategies AS s\n"
                   "CROSS JOIN LATERAL (SELECT " STRATEGY_PATCHED " AS merged) AS p\n"
                   "WHERE s.id = $1 AND ($2 IS NULL OR s.version = ANY ($2))",
            .access = DB_READ,
            .param_count = 3,
            .params = {DB_TYPE_UUID, DB_TYPE_INT8_ARRAY, DB_TYPE_JSONB},
        },
    /* $4: the version that was judged; NULL if there is nothing to judge. */
    [PATCH_CHANGE] =
        {
            .name = "patchStrategy:change",
            .sql = CHANGE_SQL(STRATEGY_PATCHED, " AND ($4 IS NULL OR s.version = $4)"),
            .access = DB_WRITE,
            .param_count = PATCH_VALUES,
            .params = {DB_TYPE_UUID, DB_TYPE_INT8_ARRAY, DB_TYPE_JSONB, DB_TYPE_INT8},
        },
};

struct strategy_patch {
    struct slice values[PATCH_VALUES];
    unsigned tries;
};

static void strategy_patch_keep_nothing(void *patch)
{
    (void)patch; /* it is in the arena */
}

static struct slice strategy_value(const struct db_result *result, const char *name)
{
    const int column = db_result_column(result, name);

    return column < 0 || db_result_rows(result) == 0 ? SLICE_NONE : db_result_value(result, 0, column);
}

static void strategy_patch_read(struct api_call *call);

static void strategy_patch_changed(struct api_call *call, const struct db_result *result)
{
    struct strategy_patch *patch = api_call_state(call);
    const bool was_judged = patch->values[PATCH_VERSION].data != NULL;

    if (!was_judged || !slice_is(strategy_value(result, "is_other"), "t") ||
        slice_is(patch->values[PATCH_VERSION], "0")) {
        api_call_answer_row(call, result);
    } else if (++patch->tries < PATCH_TRIES_MAX) {
        strategy_patch_read(call);
    } else {
        api_call_refuse(call, &api_refusals[API_REFUSAL_CONFLICT], NULL, 0);
    }
}

static void strategy_patch_merged(struct api_call *call, const struct db_result *result)
{
    struct strategy_patch *patch = api_call_state(call);
    struct arena *arena = api_call_arena(call);
    struct slice version = SLICE_LIT("0"); /* which no strategy has: there is none to change, and the change says why */
    struct json_faults faults;

    faults.count = 0;
    if (db_result_rows(result) > 0) {
        version = strategy_value(result, "version");
        if (version.data == NULL) {
            api_call_fail(call, result);
            return;
        }
        strategy_check_rules(arena, strategy_value(result, "kind"), strategy_value(result, "parameters"), &faults);
    }
    if (faults.count > 0) {
        api_call_refuse_faults(call, &faults);
        return;
    }
    patch->values[PATCH_VERSION] = arena_copy(arena, version);
    api_call_submit(call, PATCH_CHANGE, patch->values, strategy_patch_changed, NULL);
}

static void strategy_patch_read(struct api_call *call)
{
    struct strategy_patch *patch = api_call_state(call);

    api_call_submit(call, PATCH_READ, patch->values, strategy_patch_merged, NULL);
}

static void strategy_patch_begin(struct api_call *call)
{
    struct arena *arena = api_call_arena(call);
    struct strategy_patch *patch = arena_alloc(arena, sizeof(*patch));
    struct json_members members = {0};
    struct slice detail;

    *patch = (struct strategy_patch){.tries = 0};
    for (unsigned i = 0; i < PATCH_VERSION; i++) patch->values[i] = api_call_value(call, i);
    api_call_keep(call, patch, strategy_patch_keep_nothing);
    /* What leaves the rules alone leaves them as they were, however they are: an old strategy can be archived. */
    if (json_scan_members(arena, patch->values[PATCH_BODY], JSON_DEPTH_MAX, &members, &detail) &&
        json_members_find(&members, SLICE_LIT("kind")).data == NULL &&
        json_members_find(&members, SLICE_LIT("parameters")).data == NULL) {
        api_call_submit(call, PATCH_CHANGE, patch->values, strategy_patch_changed, NULL);
    } else {
        strategy_patch_read(call);
    }
}

/* A page of versions is told only of a strategy that there is. */
#define VERSIONS_PAGE API_PAGE_BODY("version", "$2")

static const struct api_endpoint strategies_endpoints[] = {
    {
        .id = "listStrategies",
        .summary = "Strategies, the newest first",
        .link = "strategies",
        .method = HTTP_GET,
        .path = STRATEGIES_PATH,
        API_PARAMS(strategies_list_params),
        .access = DB_READ,
        .answer = &strategy_schema,
        .is_list = true,
        .sql = "WITH page AS MATERIALIZED (\n"
               "    SELECT " STRATEGY_COLUMNS "\n"
               "    FROM strategies AS s\n"
               "    WHERE true\n"
               "        [? AND s.id < $2 ?]\n"
               "        [? AND s.status = $3 ?]\n"
               "        [? AND s.kind = $4 ?]\n"
               "        [? AND s.name ILIKE '%' || regexp_replace($5, '([\\\\%_])', '\\\\\\1', 'g') || '%' ?]\n"
               "    ORDER BY s.id DESC\n"
               "    LIMIT $1 + 1)\n"
               "" API_PAGE_BODY("id", "$1"),
    },
    {
        .id = "createStrategy",
        .summary = "Make a strategy",
        .method = HTTP_POST,
        .path = STRATEGIES_PATH,
        .body = &strategy_schema,
        .check = strategy_check,
        .access = DB_WRITE,
        .statuses = {201},
        .answer = &strategy_schema,
        .has_etag = true,
        .takes_many = true,
        .sql = "INSERT INTO strategies AS s " STRATEGY_MEMBERS "\n"
               "SELECT " STRATEGY_VALUES "\n"
               "FROM jsonb_array_elements($1) WITH ORDINALITY AS a(body, place),\n"
               "    jsonb_to_record(a.body) " STRATEGY_RECORD "\n"
               "ORDER BY a.place\n"
               "RETURNING 201 AS status, s.version AS etag, '" STRATEGIES_PATH "/' || s.id AS location,\n"
               "    " STRATEGY_BODY " AS body",
    },
    {
        .id = "getStrategy",
        .summary = "One strategy as it is now",
        .method = HTTP_GET,
        .path = STRATEGIES_PATH "/{id}",
        API_PARAMS(strategies_id_params),
        .access = DB_READ,
        .answer = &strategy_schema,
        .has_etag = true,
        .sql = "SELECT s.version AS etag, " STRATEGY_BODY " AS body\n"
               "FROM strategies AS s\n"
               "WHERE s.id = $1",
    },
    {
        .id = "replaceStrategy",
        .summary = "Replace a strategy: its next version, whole",
        .description =
            "A member that is left out goes back to its default. A replacement that changes nothing makes no version.",
        .method = HTTP_PUT,
        .path = STRATEGIES_PATH "/{id}",
        API_PARAMS(strategies_change_params),
        .body = &strategy_schema,
        .check = strategy_check,
        .access = DB_WRITE,
        .answer = &strategy_schema,
        .has_etag = true,
        .sql = CHANGE_SQL("$3", ""),
    },
    {
        .id = "patchStrategy",
        .summary = "Change a strategy: its next version, as a merge patch (RFC 7396)",
        .description = "Members that are left out stay as they are. null sets a member back to its default. Objects "
                       "are merged. A patch that changes nothing makes no version.",
        .method = HTTP_PATCH,
        .path = STRATEGIES_PATH "/{id}",
        API_PARAMS(strategies_change_params),
        .body = &strategy_schema,
        .body_mode = JSON_MODE_MERGE,
        .access = DB_WRITE,
        .answer = &strategy_schema,
        .has_etag = true,
        .begin = strategy_patch_begin,
        API_STATEMENTS(strategies_patch_statements),
    },
    {
        .id = "deleteStrategy",
        .summary = "Delete a strategy, or archive it",
        .description =
            "204 if it is deleted, with all its versions. 200 if a backtest refers to it: then it is archived instead.",
        .method = HTTP_DELETE,
        .path = STRATEGIES_PATH "/{id}",
        API_PARAMS(strategies_change_params),
        .access = DB_WRITE,
        .statuses = {204, 200},
        .answer = &strategy_schema,
        .has_etag = true,
        .sql = "WITH used AS (\n"
               "    SELECT EXISTS (\n"
               "        SELECT\n"
               "        FROM backtests AS b\n"
               "        WHERE b.strategy_id = $1) AS used),\n"
               "archived AS (\n"
               "    UPDATE strategies AS s\n"
               "    SET status = 'archived'\n"
               "    FROM used AS u\n"
               "    WHERE u.used AND s.id = $1 AND ($2 IS NULL OR s.version = ANY ($2))\n"
               "    RETURNING s.id, 200 AS status, s.version, " STRATEGY_BODY " AS body),\n"
               "deleted AS (\n"
               "    DELETE FROM strategies AS s\n"
               "    USING used AS u\n"
               "    WHERE NOT u.used AND s.id = $1 AND ($2 IS NULL OR s.version = ANY ($2))\n"
               "    RETURNING s.id),\n"
               "changed AS (\n"
               "    SELECT id, status, version, body\n"
               "    FROM archived\n"
               "    UNION ALL\n"
               "    SELECT id, 204, NULL, NULL\n"
               "    FROM deleted)\n"
               "" CHANGE_ANSWER,
    },
    {
        .id = "listStrategyVersions",
        .summary = "Every version that a strategy has had, the newest first",
        .method = HTTP_GET,
        .path = STRATEGIES_PATH "/{id}/versions",
        API_PARAMS(versions_list_params),
        .access = DB_READ,
        .answer = &strategy_version_schema,
        .is_list = true,
        .sql = "WITH page AS MATERIALIZED (\n"
               "    SELECT " STRATEGY_VERSION_COLUMNS "\n"
               "    FROM strategy_versions AS v\n"
               "    WHERE v.strategy_id = $1\n"
               "        [? AND v.version < $3 ?]\n"
               "    ORDER BY v.version DESC\n"
               "    LIMIT $2 + 1)\n"
               "SELECT p.*\n"
               "FROM strategies AS s, LATERAL (\n"
               "" VERSIONS_PAGE ") AS p\n"
               "WHERE s.id = $1",
    },
    {
        .id = "getStrategyVersion",
        .summary = "One version of a strategy; it never changes",
        .method = HTTP_GET,
        .path = STRATEGIES_PATH "/{id}/versions/{version}",
        API_PARAMS(versions_get_params),
        .access = DB_READ,
        .answer = &strategy_version_schema,
        .has_etag = true,
        .sql = "SELECT v.version AS etag,\n"
               "    (SELECT row_to_json(j)::text\n"
               "     FROM (SELECT " STRATEGY_VERSION_COLUMNS ") AS j) AS body\n"
               "FROM strategy_versions AS v\n"
               "WHERE v.strategy_id = $1 AND v.version = $2",
    },
};

static const struct api_constraint strategies_constraints[] = {
    {"strategies_name_key", 409, "name_taken", "/name", "Another strategy that is not archived has this name."},
    {"strategies_name_length", 422, "validation_failed", "/name", "must have 1 to 100 characters"},
    {"strategies_description_length", 422, "validation_failed", "/description", "must have at most 2000 characters"},
    {"strategies_kind_pattern", 422, "validation_failed", "/kind",
     "must match ^[a-z][a-z0-9_]*$ and have 1 to 64 characters"},
    {"strategies_parameters_object", 422, "validation_failed", "/parameters", "must be an object"},
    {"strategies_parameters_size", 422, "validation_failed", "/parameters",
     "must have at most 65536 bytes of JSON, as PostgreSQL writes it (numbers in full, a space after each colon and "
     "comma)"},
    {"strategies_status_known", 422, "validation_failed", "/status", "must be one of draft, active, archived"},
};

const struct api_resource api_strategies = {
    .tag = "Strategies",
    .tag_description = "Strategies, and every version that they have had",
    .endpoints = strategies_endpoints,
    .count = countof(strategies_endpoints),
    .constraints = strategies_constraints,
    .constraint_count = countof(strategies_constraints),
};
