#include <json-c/json.h>

#include "api/operation.h"
#include "test_api.h"

static const struct api_param two_params[] = {
    {.in = API_IN_QUERY, .type = DB_TYPE_TEXT, .field = {.name = "a"}},
    {.in = API_IN_QUERY, .type = DB_TYPE_INT8, .field = {.name = "b"}},
};

static int expand(const char *sql, struct api_operation *op, struct api_endpoint *endpoint, struct error *err)
{
    *endpoint = (struct api_endpoint){.id = "x", API_PARAMS(two_params), .sql = sql};
    *op = (struct api_operation){.endpoint = endpoint};
    return api_statement_expand(op, err);
}

static void test_every_combination_of_clauses_is_a_statement(void)
{
    struct api_operation op;
    struct api_endpoint endpoint;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(expand("S[? A $2 ?]M[?B $1?]E", &op, &endpoint, &err), 0);
    UNIT_INT(op.clause_count, 2);
    UNIT_INT(op.clause_param[0], 1);
    UNIT_INT(op.clause_param[1], 0);
    UNIT_STR(op.variants[0].sql, "SME");
    UNIT_STR(op.variants[1].sql, "S A $2 ME");
    UNIT_STR(op.variants[2].sql, "SMB $1E");
    UNIT_STR(op.variants[3].sql, "S A $2 MB $1E");
    UNIT_STR(op.variants[0].name, "x");
    UNIT_STR(op.variants[3].name, "x:3");
    UNIT_INT(op.variants[3].param_count, 2);
    UNIT_INT(op.variants[3].params[1], DB_TYPE_INT8);
    api_statement_clear(&op);
}

static void test_a_clause_must_end_and_name_a_parameter(void)
{
    static const char *const wrong[] = {"a[? $1", "a[? b ?]", "a[? $3 ?]", "a[? $0 ?]", "a[? $ ?]"};
    struct api_operation op;
    struct api_endpoint endpoint;
    struct error err;

    for (size_t i = 0; i < countof(wrong); i++) {
        UNIT_INT(expand(wrong[i], &op, &endpoint, &err), -1);
        api_statement_clear(&op);
    }
}

static bool renders(struct api_call *call, const struct db_result *result, struct buf *out)
{
    (void)call, (void)result, (void)out;
    return true;
}

static void begins(struct api_call *call)
{
    (void)call;
}

static void handles(struct http_exchange *x)
{
    (void)x;
}

static void makes(struct buf *out)
{
    (void)out;
}

static void checks(struct arena *arena, const struct json_members *body, struct slice *values,
                   struct json_faults *faults)
{
    (void)arena;
    (void)body;
    (void)values;
    (void)faults;
}

static void test_what_an_entry_declares_goes_together(void)
{
    static const struct db_statement own[] = {{.name = "x:read"}}, foreign[] = {{.name = "xy:read"}};
    static const char *const csv[] = {"text/csv", NULL};
    static const struct json_schema body = {.name = "Body"};
    static const struct http_refusal conflict = {.status = 409}, gone = {.status = 410};
    static const struct http_refusal *const good[] = {&conflict, NULL}, *const bad[] = {&conflict, &gone, NULL};
    static const struct {
        struct api_endpoint endpoint;
        int fits;
    } cases[] = {
        {{.sql = "S"}, 0},
        {{.handle = handles}, 0},
        {{.handle = handles, .produces_too = "text/html", .has_etag = true}, 0},
        {{.make = makes, .has_etag = true}, 0},
        {{.sql = "S", .body = &body, .check = checks}, 0},
        {{.sql = "S", .render = renders, .produces_too = "text/csv", .refusals = good}, 0},
        {{.begin = begins, API_STATEMENTS(own), .body_types = csv, .produces_too = "text/csv"}, 0},
        {{.summary = "nothing answers"}, -1},
        {{.sql = "S", .handle = handles}, -1},
        {{.sql = "S", .begin = begins, API_STATEMENTS(own)}, -1},
        {{.handle = handles, .render = renders}, -1},
        {{.make = makes}, -1},
        {{.make = makes, .has_etag = true, .handle = handles}, -1},
        {{.sql = "S", .check = checks}, -1},
        {{.begin = begins}, -1},
        {{.sql = "S", API_STATEMENTS(own)}, -1},
        {{.begin = begins, API_STATEMENTS(foreign)}, -1},
        {{.sql = "S", .body_types = csv}, -1},
        {{.begin = begins, API_STATEMENTS(own), .body_types = csv, .body = &body}, -1},
        {{.sql = "S", .produces_too = "text/csv"}, -1},
        {{.sql = "S", .render = renders, .produces_too = "text/csv", .has_etag = true}, -1},
        {{.sql = "S", .refusals = bad}, -1},
        {{.sql = "S", .param_count = DB_PARAMS_MAX + 1}, -1},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct api_endpoint endpoint = cases[i].endpoint;
        struct error err;

        endpoint.id = "x";
        UNIT_INT(api_statement_check(&endpoint, &err), cases[i].fits);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_what_an_entry_declares_goes_together),
    UNIT_TEST(test_every_combination_of_clauses_is_a_statement),
    UNIT_TEST(test_a_clause_must_end_and_name_a_parameter),
};
const struct unit_part statement_tests = UNIT_PART(tests);
