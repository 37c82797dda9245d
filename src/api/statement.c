/* Statements with optional clauses, "[? … $n … ?]", expanded to one prepared statement for every combination. */

#include <stdlib.h>

#include "api/operation.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/number.h"

static const char api_clause_open[] = "[?";
static const char api_clause_close[] = "?]";

/* The number after the first "$" of the clause, from 0; -1 if there is none. */
static int api_clause_find_param(struct slice clause)
{
    const char *dollar = memchr(clause.data, '$', clause.len);
    uint64_t number = 0;

    if (dollar == NULL) return -1;

    struct slice digits = {dollar + 1, 0};

    while (dollar + 1 + digits.len < clause.data + clause.len && digits.data[digits.len] >= '0' &&
           digits.data[digits.len] <= '9') {
        digits.len++;
    }
    return number_parse_u64(digits, &number) && number > 0 && number <= DB_PARAMS_MAX ? (int)number - 1 : -1;
}

static int api_clauses_find(struct api_operation *op, struct error *err)
{
    const char *at = op->endpoint->sql;

    while ((at = strstr(at, api_clause_open)) != NULL) {
        const char *end = strstr(at, api_clause_close);
        int param = end == NULL ? -1 : api_clause_find_param((struct slice){at, (size_t)(end - at)});

        if (end == NULL) return error_set(err, ERROR_INVALID, "an optional clause has no end: %.40s", at);
        if (param < 0 || (size_t)param >= op->endpoint->param_count) {
            return error_set(err, ERROR_INVALID, "an optional clause names no parameter: %.40s", at);
        }
        if (op->clause_count == API_CLAUSES_MAX) return error_set(err, ERROR_INVALID, "too many optional clauses");
        op->clause_param[op->clause_count++] = (unsigned)param;
        at = end;
    }
    return 0;
}

static char *api_variant_sql(const char *sql, unsigned variant)
{
    struct buf out = {0};

    for (unsigned clause = 0;; clause++) {
        const char *open = strstr(sql, api_clause_open);

        if (open == NULL) break;
        const char *close = strstr(open, api_clause_close);

        buf_add(&out, sql, (size_t)(open - sql));
        if ((variant & 1U << clause) != 0) buf_add(&out, open + 2, (size_t)(close - open) - 2);
        sql = close + 2;
    }
    buf_add_str(&out, sql);
    return buf_steal(&out);
}

/* "importCandles:put" of "importCandles". */
static bool api_statement_is_of(const struct api_endpoint *e, const char *name)
{
    const size_t len = strlen(e->id);

    return strncmp(name, e->id, len) == 0 && name[len] == ':';
}

int api_statement_check(const struct api_endpoint *e, struct error *err)
{
    const int ways = (e->sql != NULL) + (e->begin != NULL) + (e->handle != NULL) + (e->make != NULL);
    const bool is_made_in_c = e->render != NULL || e->begin != NULL || e->handle != NULL;

    if (ways != 1) return error_set(err, ERROR_INVALID, "one of sql, begin, handle and make answers");
    if (e->make != NULL && !e->has_etag) return error_set(err, ERROR_INVALID, "make needs has_etag");
    if (e->check != NULL && e->body == NULL) return error_set(err, ERROR_INVALID, "check needs a body");
    if (e->render != NULL && e->sql == NULL) return error_set(err, ERROR_INVALID, "render needs the rows of sql");
    if (e->takes_many && (e->access != DB_WRITE || e->sql == NULL || e->body == NULL || e->param_count > 0)) {
        return error_set(err, ERROR_INVALID,
                         "takes_many needs a body, no parameters, and an sql that may share a commit");
    }
    if ((e->begin == NULL) != (e->statement_count == 0)) {
        return error_set(err, ERROR_INVALID, "begin and statements go together");
    }
    if (e->body_types != NULL && (e->begin == NULL || e->body != NULL)) {
        return error_set(err, ERROR_INVALID, "body_types need begin, and no schema of a JSON body");
    }
    if (e->produces_too != NULL && !is_made_in_c) {
        return error_set(err, ERROR_INVALID, "produces_too needs render, begin or handle");
    }
    if (e->has_etag && e->produces_too != NULL && e->handle == NULL) {
        return error_set(err, ERROR_INVALID, "an entity tag is of one media type");
    }
    if (e->param_count > DB_PARAMS_MAX) return error_set(err, ERROR_INVALID, "too many parameters");
    for (size_t i = 0; i < e->statement_count; i++) {
        if (api_statement_is_of(e, e->statements[i].name)) continue;
        return error_set(err, ERROR_INVALID, "the statement %s is not named %s:…", e->statements[i].name, e->id);
    }
    for (size_t i = 0; e->refusals != NULL && e->refusals[i] != NULL; i++) {
        if (e->refusals[i]->status != 409 && e->refusals[i]->status != 422) {
            return error_set(err, ERROR_INVALID, "a refusal of its own is 409 or 422");
        }
    }
    return 0;
}

int api_statement_expand(struct api_operation *op, struct error *err)
{
    const struct api_endpoint *e = op->endpoint;

    if (e->param_count + (e->body == NULL ? 0 : 1) > DB_PARAMS_MAX) {
        return error_set(err, ERROR_INVALID, "too many parameters");
    }
    if (api_clauses_find(op, err) != 0) return -1;
    op->variants = mem_array(1U << op->clause_count, sizeof(*op->variants));
    for (unsigned v = 0; v < 1U << op->clause_count; v++) {
        struct db_statement *statement = &op->variants[v];

        statement->name = v == 0 ? mem_strdup(e->id) : mem_printf("%s:%u", e->id, v);
        statement->sql = api_variant_sql(e->sql, v);
        statement->access = e->access;
        statement->takes_many = e->takes_many;
        for (size_t i = 0; i < e->param_count; i++) statement->params[statement->param_count++] = e->params[i].type;
        if (e->body != NULL) statement->params[statement->param_count++] = DB_TYPE_JSONB;
    }
    return 0;
}

void api_statement_clear(struct api_operation *op)
{
    for (unsigned v = 0; op->variants != NULL && v < 1U << op->clause_count; v++) {
        free((void *)(uintptr_t)op->variants[v].name);
        free((void *)(uintptr_t)op->variants[v].sql);
    }
    free(op->variants);
    op->variants = NULL;
}
