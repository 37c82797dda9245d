/*
 * The OpenAPI 3.1 document, made from the endpoint tables: openapi.c has its frame and the operations,
 * openapi_answers.c what an operation can answer, openapi_schema.c what values look like. Inside the room only.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "api/operation.h"
#include "json/write.h"

/* Appends the document of all operations of `api`. */
void openapi_write(const struct api *api, struct buf *out);

/* ---- openapi_schema.c ---- */

/* What a schema's fields are said for. Each is a component of its own if the schema is used so. */
enum openapi_use {
    OPENAPI_ANSWER, /* "Strategy": every field, each there */
    OPENAPI_LIST,   /* "StrategyList": one page of them */
    OPENAPI_INPUT,  /* "StrategyInput": what a client writes */
    OPENAPI_PATCH,  /* "StrategyPatch": the same as a merge patch */
    OPENAPI_USE_COUNT
};

/* {"$ref":"#/components/schemas/StrategyInput"} */
void openapi_write_schema_ref(struct json_writer *w, const struct json_schema *schema, enum openapi_use use);
/* The component: its key and its value. */
void openapi_write_schema(struct json_writer *w, const struct json_schema *schema, enum openapi_use use);
void openapi_write_schema_example(struct json_writer *w, const struct json_schema *schema, enum openapi_use use);
/* The schema of a parameter. */
void openapi_write_param_schema(struct json_writer *w, const struct api_param *param);
/* Problem, and what it is made of. */
void openapi_write_problem_schemas(struct json_writer *w);

/* ---- openapi_answers.c ---- */

/* Do requests of this operation need a token if the service asks for them? */
bool openapi_is_secured(const struct api_operation *op);
bool openapi_is_conditional(const struct api_operation *op); /* If-None-Match is looked at */
void openapi_write_responses(struct json_writer *w, const struct api_operation *op);
/* The components that responses refer to: their keys and values. */
void openapi_write_response_components(struct json_writer *w, const struct api *api);
void openapi_write_header_components(struct json_writer *w);

#endif
