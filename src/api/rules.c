/* What strategies are made of: /api/v1/kinds and /api/v1/functions, the tables of rules/. */

#include "rules/rules.h"
#include "api/api.h"
#include "json/scan.h"
#include "json/write.h"

/* As lists are, on one page. */
static void rules_make_list(void (*write)(struct buf *out), struct buf *out)
{
    buf_add_str(out, "{\"items\":");
    write(out);
    buf_add_str(out, ",\"next\":null}");
}

static void rules_make_kinds(struct buf *out)
{
    rules_make_list(rules_kinds_json, out);
}

static void rules_make_functions(struct buf *out)
{
    rules_make_list(rules_functions_json, out);
}

static const struct json_field rules_kind_fields[] = {
    {.name = "name", .type = JSON_TYPE_STRING, .example = "\"sma_crossover\""},
    {
        .name = "description",
        .type = JSON_TYPE_STRING,
        .example =
            "\"Buys when a fast simple moving average crosses above a slow one, and sells when it crosses below\"",
    },
    {
        .name = "parameters",
        .type = JSON_TYPE_OBJECT,
        .description = "The schema of a strategy's parameters (JSON Schema, draft 2020-12), with their bounds and "
                       "defaults",
        .example = "{\"type\":\"object\",\"properties\":{\"fast\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":5000,"
                   "\"default\":10}}}",
    },
};

static const struct json_schema rules_kind_answer = {
    .name = "Kind",
    .fields = rules_kind_fields,
    .count = countof(rules_kind_fields),
};

static const char *const rules_results[] = {"number", "condition", NULL};

#define RULES_ARGUMENT_SCHEMA                                                                                      \
    "{\"type\":\"object\",\"required\":[\"name\",\"type\"],\"properties\":{\"name\":{\"type\":\"string\"},"        \
    "\"type\":{\"type\":\"string\",\"enum\":[\"number\",\"condition\",\"whole\",\"constant\",\"zone\"],"           \
    "\"description\":\"number and condition are columns; whole and constant are constants, a number or a $param; " \
    "zone is a time zone in quotes\"},\"minimum\":{\"type\":\"number\"},\"maximum\":{\"type\":\"number\"},"        \
    "\"default\":{\"type\":\"string\",\"description\":\"Its value if it is left out\"}}}"

static const struct json_field rules_function_fields[] = {
    {.name = "name", .type = JSON_TYPE_STRING, .example = "\"sma\""},
    {.name = "signature", .type = JSON_TYPE_STRING, .example = "\"sma(x, n)\""},
    {.name = "family", .type = JSON_TYPE_STRING, .description = "What it belongs to", .example = "\"averages\""},
    {.name = "description", .type = JSON_TYPE_STRING, .example = "\"Simple moving average\""},
    {.name = "formula", .type = JSON_TYPE_STRING, .example = "\"(x + x[1] + ... + x[n-1]) / n\""},
    {
        .name = "seed",
        .type = JSON_TYPE_STRING,
        .description = "Where the first value comes from; empty if there is nothing to say",
        .example = "\"\"",
    },
    {
        .name = "lookback",
        .type = JSON_TYPE_STRING,
        .description = "Bars that are loaded before the first one of a test",
        .example = "\"n - 1\"",
    },
    {.name = "result", .type = JSON_TYPE_STRING, .values = rules_results, .description = "The column that it gives"},
    {
        .name = "arguments",
        .type = JSON_TYPE_ARRAY,
        .items = RULES_ARGUMENT_SCHEMA,
        .example = "[{\"name\":\"x\",\"type\":\"number\"},{\"name\":\"n\",\"type\":\"whole\",\"minimum\":1,"
                   "\"maximum\":10000}]",
    },
};

static const struct json_schema rules_function_answer = {
    .name = "Function",
    .fields = rules_function_fields,
    .count = countof(rules_function_fields),
};

/* ---- A check, for whoever is still typing: what is wrong is the answer, and not an error ---- */

static const struct json_field rules_check_fields[] = {
    {
        .name = "kind",
        .type = JSON_TYPE_STRING,
        .required = true,
        .min_length = 1,
        .max_length = 64,
        .pattern = "^[a-z][a-z0-9_]*$",
        .description = "A kind of strategy",
        .example = "\"rules\"",
    },
    {
        .name = "parameters",
        .type = JSON_TYPE_OBJECT,
        .max_bytes = 65536,
        .default_text = "{}",
        .description = "Those of the strategy",
        .example = "{\"long\":{\"enter\":\"close > sma(close, 20)\"}}",
    },
    {
        .name = "known",
        .type = JSON_TYPE_BOOLEAN,
        .read_only = true,
        .description = "Whether the kind is one of those that are checked",
        .example = "true",
    },
    {
        .name = "cost",
        .type = JSON_TYPE_INTEGER,
        .nullable = true,
        .read_only = true,
        .description = "The most steps that a bar takes; null if something is wrong",
        .example = "12",
    },
    {
        .name = "errors",
        .type = JSON_TYPE_ARRAY,
        .read_only = true,
        .items = "{\"type\":\"object\",\"required\":[\"pointer\",\"detail\"],\"properties\":{\"pointer\":{"
                 "\"type\":\"string\",\"description\":\"The place in the strategy (RFC 6901)\"},\"detail\":{\"type\":"
                 "\"string\"},\"column\":{\"type\":\"integer\",\"minimum\":1,\"description\":\"In the expression "
                 "that stands there\"}}}",
        .description = "Every place that is wrong, as the errors of a problem have it",
        .example = "[]",
    },
};

static const struct json_schema rules_check_schema = {
    .name = "RulesCheck",
    .fields = rules_check_fields,
    .count = countof(rules_check_fields),
};

enum { RULES_CHECK_MADE };

static const struct api_param rules_check_params[] = {
    [RULES_CHECK_MADE] = {.in = API_IN_MADE, .type = DB_TYPE_JSONB, .field = {.name = "verdict"}},
};

static void rules_write_faults(struct json_writer *w, const struct rules_faults *faults)
{
    json_key_open(w, "errors", '[');
    for (size_t i = 0; i < faults->count; i++) {
        const struct rules_fault *fault = &faults->items[i];

        json_open(w, '{');
        json_key(w, "pointer");
        json_slice(w, slice_of(arena_printf(faults->arena, "/parameters%.*s", SLICE_FMT(fault->pointer))));
        json_key(w, "detail");
        json_slice(w, fault->detail);
        if (fault->column > 0) json_key_uint(w, "column", fault->column);
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* What is not a string or an object the schema refuses. */
static void rules_check_body(struct arena *arena, const struct json_members *body, struct slice *values,
                             struct json_faults *faults)
{
    const struct slice kind = json_unquote(arena, json_members_find(body, SLICE_LIT("kind")));
    const struct slice parameters = json_members_find(body, SLICE_LIT("parameters"));
    const bool is_known = kind.data != NULL && rules_kind_find(kind) != NULL;
    struct rules_faults found = {.arena = arena};
    struct buf out = {0};
    struct json_writer w = {.out = &out};
    struct rules *rules = NULL;

    (void)faults;
    if (parameters.data != NULL && parameters.data[0] != '{') return;
    if (is_known) {
        rules = rules_new(kind, parameters.data == NULL ? SLICE_LIT("{}") : parameters, NULL, 0, &found);
    }
    json_open(&w, '{');
    json_key_raw(&w, "known", is_known ? "true" : "false");
    if (rules == NULL) {
        json_key_raw(&w, "cost", "null");
    } else {
        json_key_uint(&w, "cost", rules_cost(rules));
    }
    rules_write_faults(&w, &found);
    json_close(&w, '}');
    rules_free(rules);
    values[RULES_CHECK_MADE] = arena_copy(arena, buf_slice(&out));
    buf_clear(&out);
}

static const struct api_endpoint rules_endpoints[] = {
    {
        .id = "listKinds",
        .summary = "The kinds of strategies that are checked when they are written, and that backtestd computes",
        .description = "They change with the program alone, and come on one page. Strategies of other kinds can be "
                       "written too: their parameters are for the services that know them.",
        .link = "kinds",
        .method = HTTP_GET,
        .path = "/api/v1/kinds",
        .make = rules_make_kinds,
        .answer = &rules_kind_answer,
        .is_list = true,
        .has_etag = true,
    },
    {
        .id = "listFunctions",
        .summary = "The functions of the rules language, family by family",
        .description = "They change with the program alone, and come on one page. docs/rules.md has the language.",
        .link = "functions",
        .method = HTTP_GET,
        .path = "/api/v1/functions",
        .make = rules_make_functions,
        .answer = &rules_function_answer,
        .is_list = true,
        .has_etag = true,
    },
    {
        .id = "checkRules",
        .summary = "What is wrong with a strategy's parameters, for whoever is still writing them",
        .description = "Nothing is stored. Places that are wrong are the answer, and not an error.",
        .method = HTTP_POST,
        .path = "/api/v1/rules/check",
        API_PARAMS(rules_check_params),
        .body = &rules_check_schema,
        .check = rules_check_body,
        .access = DB_READ,
        .answer = &rules_check_schema,
        .sql = "SELECT (b.body || $1)::text AS body\n"
               "FROM (SELECT jsonb_build_object('kind', $2->'kind',\n"
               "          'parameters', coalesce($2->'parameters', '{}')) AS body) AS b",
    },
};

const struct api_resource api_rules = {
    .tag = "Rules",
    .tag_description = "What strategies are made of: their kinds, and the functions of the rules language",
    .endpoints = rules_endpoints,
    .count = countof(rules_endpoints),
};
