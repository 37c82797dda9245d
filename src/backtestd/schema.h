/* The database's schema, as the daemon wants it: it waits for the database and looks, and changes nothing. */
#ifndef BACKTESTD_SCHEMA_H
#define BACKTESTD_SCHEMA_H

#include "command/daemon.h"
#include "migrate/migrate.h"

/* How the database is asked: once. */
struct migrate_options schema_session_options(const struct conf *conf);
/* Before the first worker: waits for the database, up to the boot deadline, and says so in the log; and says whether it
 * is ahead of the files, which may be NULL. Returns an exit status. */
int schema_await_database(const struct conf *conf, const struct migrate_files *files);

#endif
