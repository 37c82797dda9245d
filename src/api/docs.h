/*
 * /docs: Swagger UI on the service's own OpenAPI document, or, if this build has none, a page that links the
 * document.
 *
 * Swagger UI's files are made at build time from an npm package (docs-ui/), and installed compressed. They are read
 * once, by the master before it forks, so that the workers share the memory; no request reads a file.
 */
#ifndef API_DOCS_H
#define API_DOCS_H

#include "base/attr.h"
#include "base/error.h"

struct api_docs;

/* Reads the files of `dir`, all or none: -1 if one is missing or damaged. */
int api_docs_load(const char *dir, struct api_docs **ret_docs, struct error *err) ATTR_CHECKED;
void api_docs_free(struct api_docs *docs); /* takes NULL */

#endif
