/* What an operation can answer. What follows from its declaration is not declared again: the tables here say what
 * follows from what. */

#include <stdlib.h>

#include "api/openapi.h"
#include "api/refusal.h"
#include "base/mem.h"

#define OPENAPI_JSON "application/json"
#define OPENAPI_PROBLEM_JSON "application/problem+json"
#define OPENAPI_EXAMPLE_REQUEST_ID "8f1d3c5b7a90e2460000000001"

enum { OPENAPI_EXAMPLES_MAX = 32 }; /* of one answer */

/* What there is about an operation that errors follow from. */
enum openapi_trait {
    TRAIT_ANY = 1,
    TRAIT_STATEMENT = 2,
    TRAIT_WRITE = 4,
    TRAIT_BODY = 8,
    TRAIT_PATH = 16, /* has a parameter in it */
    TRAIT_IF_MATCH = 32,
    TRAIT_SECURED = 64,
    TRAIT_LARGE = 128, /* may be put off if clients do not take what they asked for */
};

enum { OPENAPI_SHOWN_MAX = 6, OPENAPI_HEADERS_MAX = 3 };

/* The errors, by status. Their words are not here: each names the rows that it shows. */
static const struct openapi_error {
    unsigned status;
    unsigned traits; /* of which one is enough */
    const char *description;
    const struct http_refusal *shown[OPENAPI_SHOWN_MAX];
    const char *headers[OPENAPI_HEADERS_MAX];
    bool is_own;      /* written for each operation: what is refused depends on it */
    bool is_outcomes; /* what the outcomes of statements mean is shown too */
} openapi_errors[] = {
    {
        .status = 400,
        .traits = TRAIT_ANY,
        .description = "The request is not HTTP as RFC 9112 has it, or the body is not JSON as RFC 7493 has it",
        .shown = {&api_refusals[API_REFUSAL_MALFORMED], &http_refusals[HTTP_REFUSAL_PATH_TEXT]},
    },
    {
        .status = 401,
        .traits = TRAIT_SECURED,
        .description = "No token, or one that is unknown, revoked or past its expiry",
        .shown = {&api_refusals[API_REFUSAL_NO_TOKEN], &api_refusals[API_REFUSAL_TOKEN_EXPIRED],
                  &api_refusals[API_REFUSAL_TOKEN_UNKNOWN]},
        .headers = {"WWW-Authenticate"},
    },
    {
        .status = 403,
        .traits = TRAIT_SECURED,
        .description = "The token lacks the scope that this operation needs; or a page of another site would make a "
                       "change (STRATSLAB_CORS_ORIGINS)",
        .shown = {&api_refusals[API_REFUSAL_SCOPE], &http_refusals[HTTP_REFUSAL_ORIGIN]},
        .headers = {"WWW-Authenticate"},
    },
    {
        .status = 404,
        .traits = TRAIT_PATH,
        .description = "There is nothing at this path",
        .shown = {&api_refusals[API_REFUSAL_NO_ROW]},
    },
    {
        .status = 406,
        .traits = TRAIT_ANY,
        .description = "Accept excludes the media type of the answer",
        .shown = {&http_refusals[HTTP_REFUSAL_ACCEPT]},
    },
    {
        .status = 408,
        .traits = TRAIT_ANY,
        .description = "The request took too long to come; nothing was changed",
        .shown = {&http_refusals[HTTP_REFUSAL_HEAD_LATE], &http_refusals[HTTP_REFUSAL_CONTENT_LATE]},
    },
    {
        .status = 409,
        .traits = TRAIT_WRITE,
        .description = "The present state does not allow it; nothing was changed",
        .is_own = true,
        .is_outcomes = true,
    },
    {
        .status = 412,
        .traits = TRAIT_IF_MATCH,
        .description = "Somebody else was first: the present version is not one that If-Match names",
        .shown = {&api_refusals[API_REFUSAL_STALE]},
    },
    {
        .status = 413,
        .traits = TRAIT_ANY,
        .description = "The body is too large, or this operation takes no body",
        .shown = {&http_refusals[HTTP_REFUSAL_CONTENT_LARGE], &http_refusals[HTTP_REFUSAL_CONTENT_UNWANTED]},
    },
    {
        .status = 414,
        .traits = TRAIT_ANY,
        .description = "The request line is too long",
        .shown = {&http_refusals[HTTP_REFUSAL_LINE_LONG]},
    },
    {
        .status = 415,
        .traits = TRAIT_BODY,
        .description = "The body has a media type, a charset or a coding that this operation does not take",
        .shown = {&http_refusals[HTTP_REFUSAL_CONTENT_TYPE], &http_refusals[HTTP_REFUSAL_CONTENT_CODING]},
        .headers = {"Accept", "Accept-Patch", "Accept-Encoding"},
    },
    {
        .status = 417,
        .traits = TRAIT_ANY,
        .description = "Expect asks for something other than 100-continue",
        .shown = {&http_refusals[HTTP_REFUSAL_EXPECT]},
    },
    {
        .status = 421,
        .traits = TRAIT_ANY,
        .description = "Host is not one of the names that the service answers for (STRATSLAB_ALLOWED_HOSTS)",
        .shown = {&http_refusals[HTTP_REFUSAL_HOST]},
    },
    {
        .status = 422,
        .traits = TRAIT_STATEMENT,
        .description = "The request has values that this operation does not take; errors names each place",
        .is_own = true,
    },
    {
        .status = 429,
        .traits = TRAIT_STATEMENT,
        .description = "This client alone has too many requests waiting for the database",
        .headers = {"Retry-After"},
        .is_outcomes = true,
    },
    {
        .status = 431,
        .traits = TRAIT_ANY,
        .description = "The header fields are too many, or too large",
        .shown = {&http_refusals[HTTP_REFUSAL_FIELDS_MANY], &http_refusals[HTTP_REFUSAL_FIELDS_LARGE]},
    },
    {
        .status = 500,
        .traits = TRAIT_STATEMENT,
        .description = "The server failed",
        .is_outcomes = true,
    },
    {
        .status = 501,
        .traits = TRAIT_ANY,
        .description = "The request has a transfer coding that this server does not know",
        .shown = {&http_refusals[HTTP_REFUSAL_CODING_UNKNOWN]},
    },
    {
        .status = 503,
        .traits = TRAIT_STATEMENT | TRAIT_LARGE,
        .description = "Not now: the database is out of reach or too slow, or too many requests are waiting",
        .shown = {&http_refusals[HTTP_REFUSAL_ENDING], &http_refusals[HTTP_REFUSAL_PLACES],
                  &http_refusals[HTTP_REFUSAL_MEMORY_OUT], &http_refusals[HTTP_REFUSAL_INPUT_FULL],
                  &http_refusals[HTTP_REFUSAL_OUTPUT_FULL], &api_refusals[API_REFUSAL_TOKENS_UNAVAILABLE]},
        .headers = {"Retry-After"},
        .is_outcomes = true,
    },
    {
        .status = 505,
        .traits = TRAIT_ANY,
        .description = "The request's version of HTTP is not 1.1 or 1.0",
        .shown = {&http_refusals[HTTP_REFUSAL_VERSION], &http_refusals[HTTP_REFUSAL_HTTP2]},
    },
};

/* The good answers. */
static const struct openapi_answer {
    unsigned status;
    const char *description;
    bool has_location;
    bool is_bare; /* no content */
} openapi_answers[] = {
    {200, "As asked", false, false},
    {201, "Made; Location is its path", true, false},
    {202, "Accepted; Location is the path to follow it", true, false},
    {204, "Done, and there is nothing left to show", false, true},
    {304, "The version is one that If-None-Match names", false, true},
    {308, "It is at Location", true, true},
    {503, "Not now; status says why", false, false},
};

static const struct openapi_header {
    const char *name;
    const char *description;
    const char *schema;
    bool required;
} openapi_headers[] = {
    {"X-Request-ID", "The request's own if it sent one, and a new one otherwise",
     "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]{1,128}$\"}", true},
    {"ETag", "The present version, for If-Match and If-None-Match",
     "{\"type\":\"string\",\"pattern\":\"^\\\"[!#-~]+\\\"$\"}", true},
    {"Location", "Path of what was made, or of what was looked for",
     "{\"type\":\"string\",\"format\":\"uri-reference\"}", true},
    {"Link", "The next page (RFC 8288): <path>; rel=\"next\"; absent on the last one",
     "{\"type\":\"string\",\"pattern\":\"^</[^>]*>; rel=\\\"next\\\"$\"}", false},
    {"Retry-After", "Seconds to wait before sending the request again; absent if it should not be sent again",
     "{\"type\":\"integer\",\"minimum\":1}", false},
    {"Cache-Control", "Who may keep the answer (RFC 9111): nobody, with no-store", "{\"type\":\"string\"}", true},
    {"Cross-Origin-Resource-Policy", "cross-origin if a page of another origin may read the answer",
     "{\"type\":\"string\",\"enum\":[\"same-origin\",\"cross-origin\"]}", true},
    {"WWW-Authenticate", "RFC 6750; absent if it is not about a token", "{\"type\":\"string\",\"pattern\":\"^Bearer\"}",
     false},
    {"Accept", "The media types that are taken", "{\"type\":\"string\"}", false},
    {"Accept-Patch", "The media types that PATCH takes", "{\"type\":\"string\"}", false},
    {"Accept-Encoding", "The content codings that are taken", "{\"type\":\"string\"}", false},
};

/* ---- What an operation is ---- */

bool openapi_is_secured(const struct api_operation *op)
{
    return api_scope(op->endpoint) != API_SCOPE_NONE;
}

bool openapi_is_conditional(const struct api_operation *op)
{
    return op->endpoint->has_etag && op->endpoint->access == DB_READ;
}

static unsigned openapi_traits(const struct api_operation *op)
{
    const struct api_endpoint *e = op->endpoint;
    unsigned traits = TRAIT_ANY;

    if (api_asks_database(e)) traits |= TRAIT_STATEMENT;
    if (api_asks_database(e) && db_access_is_write(e->access)) traits |= TRAIT_WRITE;
    if (!api_asks_database(e) && e->has_etag) traits |= TRAIT_LARGE;
    if (e->body != NULL || e->body_types != NULL) traits |= TRAIT_BODY;
    if (openapi_is_secured(op)) traits |= TRAIT_SECURED;
    for (size_t i = 0; i < e->param_count; i++) {
        if (e->params[i].in == API_IN_PATH) traits |= TRAIT_PATH;
        if (e->params[i].in == API_IN_IF_MATCH) traits |= TRAIT_IF_MATCH;
    }
    return traits;
}

/* ---- Errors ---- */

/* The examples of one answer. Each is named by its code, and by a number too if the code has come before. */
struct openapi_examples {
    struct json_writer *w;
    const char *names[OPENAPI_EXAMPLES_MAX]; /* without their numbers */
    size_t count;
};

static void openapi_key_example(struct openapi_examples *all, const char *name)
{
    unsigned before = 0;

    if (all->count == countof(all->names)) abort();
    for (size_t i = 0; i < all->count; i++) before += strcmp(all->names[i], name) == 0 ? 1 : 0;
    all->names[all->count++] = name;
    if (before == 0) {
        json_key_open(all->w, name, '{');
        return;
    }
    char *numbered = mem_printf("%s_%u", name, before + 1);

    json_key_open(all->w, numbered, '{');
    free(numbered);
}

static void openapi_write_sample(struct json_writer *w, const struct http_refusal *refusal)
{
    struct slice words[HTTP_REFUSAL_WORDS_MAX];
    struct buf detail = {0};

    for (size_t i = 0; i < HTTP_REFUSAL_WORDS_MAX; i++) words[i] = slice_of(refusal->sample[i]);
    http_refusal_detail(refusal, words, &detail);
    json_key_text(w, "detail", buf_cstr(&detail));
    buf_clear(&detail);
}

/* The summary says what a problem has in its header. */
static void openapi_write_retry(struct json_writer *w, const struct http_refusal *refusal)
{
    char *text = refusal->retry_after_s == 0 ? mem_strdup("without Retry-After")
                                             : mem_printf("Retry-After: %u", refusal->retry_after_s);

    json_key_text(w, "summary", text);
    free(text);
}

/* `item` NULL: the problem has no errors. */
static void openapi_write_example(struct openapi_examples *all, const char *name, const struct http_refusal *refusal,
                                  const struct http_problem_item *item)
{
    struct json_writer *w = all->w;

    openapi_key_example(all, name);
    if (refusal->status == 503) openapi_write_retry(w, refusal);
    json_key_open(w, "value", '{');
    json_key_text(w, "type", "about:blank");
    json_key_text(w, "title", http_status_phrase(refusal->status));
    json_key_uint(w, "status", refusal->status);
    json_key_text(w, "code", http_refusal_code(refusal));
    openapi_write_sample(w, refusal);
    json_key_text(w, "request_id", OPENAPI_EXAMPLE_REQUEST_ID);
    if (item != NULL) {
        json_key_open(w, "errors", '[');
        json_open(w, '{');
        json_key(w, "pointer");
        json_slice(w, item->pointer);
        json_key(w, "detail");
        json_slice(w, item->detail);
        json_close(w, '}');
        json_close(w, ']');
    }
    json_close(w, '}');
    json_close(w, '}');
}

static void openapi_write_refusal(struct openapi_examples *all, const struct http_refusal *refusal)
{
    openapi_write_example(all, http_refusal_code(refusal), refusal, NULL);
}

static bool openapi_has_param(const struct api_endpoint *e, enum api_in in, const char *name)
{
    for (size_t i = 0; i < e->param_count; i++) {
        if (e->params[i].in == in && strcmp(e->params[i].field.name, name) == 0) return true;
    }
    return false;
}

/* Of a body; NULL if clients do not write such a member. */
static const struct json_field *openapi_member(const struct json_schema *schema, const char *name)
{
    for (size_t i = 0; schema != NULL && i < schema->count; i++) {
        if (!schema->fields[i].read_only && strcmp(schema->fields[i].name, name) == 0) return &schema->fields[i];
    }
    return NULL;
}

/* The database says again what the check of the body has said before: nobody sees it. */
static bool openapi_is_repeated(const struct json_field *field, const struct api_constraint *c)
{
    return c->status == 422 &&
           (field->min_length > 0 || field->max_length > 0 || field->values != NULL || field->type == JSON_TYPE_OBJECT);
}

/* Constraints are declared for a resource; whether one can be violated shows in the place that it names. */
static bool openapi_can_violate(const struct api_endpoint *e, const struct api_constraint *c)
{
    static const char header[] = "header:";

    if (!db_access_is_write(e->access)) return false;
    if (c->pointer == NULL) return e->body == NULL && e->method == HTTP_POST;
    if (strncmp(c->pointer, header, sizeof(header) - 1) == 0) {
        return openapi_has_param(e, API_IN_HEADER, c->pointer + sizeof(header) - 1);
    }
    const struct json_field *field = openapi_member(e->body, c->pointer + 1);

    return field != NULL && !openapi_is_repeated(field, c);
}

static void openapi_write_constraints(struct openapi_examples *all, const struct api_operation *op, unsigned status)
{
    for (size_t i = 0; i < op->resource->constraint_count; i++) {
        const struct api_constraint *c = &op->resource->constraints[i];
        const struct http_refusal refusal = api_constraint_refusal(c);
        const struct http_problem_item item = {slice_of(c->pointer), slice_of(c->detail), 0};

        if (c->status != status || !openapi_can_violate(op->endpoint, c)) continue;
        openapi_write_example(all, c->name, &refusal, c->pointer == NULL ? NULL : &item);
    }
}

/* What C refuses of its own. */
static void openapi_write_own_refusals(struct openapi_examples *all, const struct api_endpoint *e, unsigned status)
{
    for (size_t i = 0; e->refusals != NULL && e->refusals[i] != NULL; i++) {
        if (e->refusals[i]->status == status) openapi_write_refusal(all, e->refusals[i]);
    }
}

static bool openapi_refuses(const struct api_endpoint *e, unsigned status)
{
    for (size_t i = 0; e->refusals != NULL && e->refusals[i] != NULL; i++) {
        if (e->refusals[i]->status == status) return true;
    }
    return false;
}

static void openapi_write_outcomes(struct openapi_examples *all, unsigned status)
{
    bool is_shown[API_REFUSAL_COUNT] = {[API_REFUSAL_NONE] = true};

    for (size_t i = 0; i < DB_OUTCOME_COUNT; i++) {
        const enum api_refusal_id id = api_outcome_refusals[i];

        if (!is_shown[id] && api_refusals[id].status == status) openapi_write_refusal(all, &api_refusals[id]);
        is_shown[id] = true;
    }
}

/* A request that an operation refuses for what it is. */
static void openapi_write_invalid(struct openapi_examples *all, const struct api_operation *op)
{
    char *const unknown = mem_printf(API_NO_PARAMETER, op->endpoint->id);
    const struct http_problem_item item = {SLICE_LIT("query:colour"), slice_of(unknown), 0};

    openapi_write_example(all, "invalid", &api_refusals[API_REFUSAL_INVALID], &item);
    free(unknown);
}

static void openapi_write_examples(struct json_writer *w, const struct openapi_error *error,
                                   const struct api_operation *op)
{
    struct openapi_examples all = {.w = w};

    json_key_open(w, "examples", '{');
    for (size_t i = 0; i < OPENAPI_SHOWN_MAX && error->shown[i] != NULL; i++) {
        openapi_write_refusal(&all, error->shown[i]);
    }
    if (op != NULL && error->status == 422) openapi_write_invalid(&all, op);
    if (op != NULL && error->is_own) openapi_write_constraints(&all, op, error->status);
    if (op != NULL && error->is_own) openapi_write_own_refusals(&all, op->endpoint, error->status);
    /* An operation may have the status for what it refuses of its own alone. */
    if (error->is_outcomes && (op == NULL || (error->traits & openapi_traits(op)) != 0))
        openapi_write_outcomes(&all, error->status);
    json_close(w, '}');
}

static void openapi_write_header_ref(struct json_writer *w, const char *name)
{
    char *ref = mem_printf("#/components/headers/%s", name);

    json_key_open(w, name, '{');
    json_key_text(w, "$ref", ref);
    json_close(w, '}');
    free(ref);
}

/* Of every answer. */
static void openapi_write_common_headers(struct json_writer *w)
{
    openapi_write_header_ref(w, "X-Request-ID");
    openapi_write_header_ref(w, "Cache-Control");
    openapi_write_header_ref(w, "Cross-Origin-Resource-Policy");
}

static void openapi_write_error(struct json_writer *w, const struct openapi_error *error,
                                const struct api_operation *op)
{
    json_open(w, '{');
    json_key_text(w, "description", error->description);
    json_key_open(w, "headers", '{');
    openapi_write_common_headers(w);
    for (size_t i = 0; i < OPENAPI_HEADERS_MAX && error->headers[i] != NULL; i++) {
        openapi_write_header_ref(w, error->headers[i]);
    }
    json_close(w, '}');
    json_key_open(w, "content", '{');
    json_key_open(w, OPENAPI_PROBLEM_JSON, '{');
    json_key_raw(w, "schema", "{\"$ref\":\"#/components/schemas/Problem\"}");
    openapi_write_examples(w, error, op);
    json_close(w, '}');
    json_close(w, '}');
    json_close(w, '}');
}

/* "Content Too Large" to "ContentTooLarge". */
static char *openapi_error_name(const struct openapi_error *error)
{
    struct buf name = {0};

    for (const char *at = http_status_phrase(error->status); *at != '\0'; at++) {
        if (*at != ' ') buf_add_char(&name, *at);
    }
    return buf_steal(&name);
}

static void openapi_write_error_of(struct json_writer *w, const struct openapi_error *error,
                                   const struct api_operation *op)
{
    if (error->is_own) {
        openapi_write_error(w, error, op);
        return;
    }
    char *name = openapi_error_name(error);
    char *ref = mem_printf("#/components/responses/%s", name);

    json_open(w, '{');
    json_key_text(w, "$ref", ref);
    json_close(w, '}');
    free(ref);
    free(name);
}

void openapi_write_response_components(struct json_writer *w, const struct api *api)
{
    unsigned all = 0;

    for (size_t i = 0; i < api->operation_count; i++) all |= openapi_traits(&api->operations[i]);
    for (size_t i = 0; i < countof(openapi_errors); i++) {
        if (openapi_errors[i].is_own || (openapi_errors[i].traits & all) == 0) continue;
        char *name = openapi_error_name(&openapi_errors[i]);

        json_key(w, name);
        openapi_write_error(w, &openapi_errors[i], NULL);
        free(name);
    }
}

void openapi_write_header_components(struct json_writer *w)
{
    for (size_t i = 0; i < countof(openapi_headers); i++) {
        const struct openapi_header *header = &openapi_headers[i];

        json_key_open(w, header->name, '{');
        json_key_text(w, "description", header->description);
        if (header->required) json_key_raw(w, "required", "true");
        json_key_raw(w, "schema", header->schema);
        json_close(w, '}');
    }
}

/* ---- Good answers ---- */

static void openapi_write_answer_headers(struct json_writer *w, const struct openapi_answer *answer,
                                         const struct api_operation *op)
{
    const struct api_endpoint *e = op->endpoint;

    json_key_open(w, "headers", '{');
    openapi_write_common_headers(w);
    if (e->has_etag && answer->status != 204) openapi_write_header_ref(w, "ETag");
    if (answer->has_location) openapi_write_header_ref(w, "Location");
    if (e->is_list) openapi_write_header_ref(w, "Link");
    if (answer->status == 503) openapi_write_header_ref(w, "Retry-After");
    json_close(w, '}');
}

/* The schema says of JSON what it is; of anything else that it is text. */
static void openapi_write_answer_type(struct json_writer *w, const char *type, unsigned status,
                                      const struct api_endpoint *e)
{
    const enum openapi_use use = e->is_list ? OPENAPI_LIST : OPENAPI_ANSWER;
    const bool is_json = strcmp(type, OPENAPI_JSON) == 0;

    json_key_open(w, type, '{');
    json_key(w, "schema");
    if (e->answer != NULL && is_json) {
        openapi_write_schema_ref(w, e->answer, use);
        if (status < 400) {
            json_key(w, "example");
            openapi_write_schema_example(w, e->answer, use);
        }
    } else {
        json_raw(w, is_json ? "{\"type\":\"object\"}" : "{\"type\":\"string\"}");
    }
    json_close(w, '}');
}

static void openapi_write_answer_content(struct json_writer *w, unsigned status, const struct api_endpoint *e)
{
    json_key_open(w, "content", '{');
    openapi_write_answer_type(w, e->produces == NULL ? OPENAPI_JSON : e->produces, status, e);
    if (e->produces_too != NULL) openapi_write_answer_type(w, e->produces_too, status, e);
    json_close(w, '}');
}

static void openapi_write_answer(struct json_writer *w, unsigned status, const struct api_operation *op)
{
    const struct openapi_answer *answer = &openapi_answers[0];

    for (size_t i = 0; i < countof(openapi_answers); i++) {
        if (openapi_answers[i].status == status) answer = &openapi_answers[i];
    }
    char *name = mem_printf("%u", status);

    json_key_open(w, name, '{');
    free(name);
    json_key_text(w, "description", answer->description);
    openapi_write_answer_headers(w, answer, op);
    if (!answer->is_bare) openapi_write_answer_content(w, status, op->endpoint);
    json_close(w, '}');
}

static bool openapi_is_answer(const struct api_endpoint *e, unsigned status)
{
    for (size_t i = 0; i < API_STATUSES_MAX; i++) {
        if (e->statuses[i] == status) return true;
    }
    return false;
}

void openapi_write_responses(struct json_writer *w, const struct api_operation *op)
{
    const struct api_endpoint *e = op->endpoint;
    const unsigned traits = openapi_traits(op);

    json_key_open(w, "responses", '{');
    if (e->statuses[0] == 0) openapi_write_answer(w, 200, op);
    for (size_t i = 0; i < API_STATUSES_MAX && e->statuses[i] != 0; i++) openapi_write_answer(w, e->statuses[i], op);
    if (openapi_is_conditional(op)) openapi_write_answer(w, 304, op);
    for (size_t i = 0; i < countof(openapi_errors); i++) {
        const struct openapi_error *error = &openapi_errors[i];

        if ((error->traits & traits) == 0 && !openapi_refuses(e, error->status)) continue;
        if (openapi_is_answer(e, error->status)) continue;
        char *name = mem_printf("%u", error->status);

        json_key(w, name);
        openapi_write_error_of(w, error, op);
        free(name);
    }
    json_close(w, '}');
}
