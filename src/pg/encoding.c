#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "pg/pg.h"

bool pg_is_utf8(PGconn *conn, const char *database, char *why, size_t size)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");

    if (encoding == NULL || strcmp(encoding, "UTF8") == 0) return true;
    snprintf(why, size,
             "the database %s has the encoding %s, and must have UTF8: CREATE DATABASE … TEMPLATE template0 ENCODING "
             "'UTF8'",
             database, encoding);
    return false;
}
