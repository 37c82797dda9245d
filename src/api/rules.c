/* What strategies are made of: /api/v1/kinds and /api/v1/functions, the tables of rules/. */

#include "rules/rules.h"
#include "api/api.h"

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
};

const struct api_resource api_rules = {
    .tag = "Rules",
    .tag_description = "What strategies are made of: their kinds, and the functions of the rules language",
    .endpoints = rules_endpoints,
    .count = countof(rules_endpoints),
};
