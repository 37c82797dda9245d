/* The table of settings, and finding names in it. */
#include <stdint.h>

#include "base/distance.h"
#include "conf/internal.h"
#include "conf/row.h"

enum {
    CONF_SECOND = 1000,
    CONF_MINUTE = 60 * CONF_SECOND,
    CONF_HOUR = 60 * CONF_MINUTE,
    CONF_DAY = 24 * CONF_HOUR,
    CONF_KIB = 1024,
    CONF_MIB = 1024 * CONF_KIB,
};

#define CONF_TIB ((size_t)1 << 40)
#define CONF_CENTURY ((size_t)36500 * CONF_DAY)

const struct conf_setting conf_table[] = {
    [CONF_DATABASE_URL] =
        {.name = "DATABASE_URL",
         CONF_ROW_DATABASE_URL(database.given_url),
         .defaults = CONF_BOTH(""),
         .help = "The database: postgresql://user:password@host:port/name (a \"+driver\" after the scheme is dropped), "
                 "or libpq's keywords (\"host=... dbname=...\"). There may be several hosts, host1:port,host2:port. If "
                 "it is set, the settings that begin with POSTGRES_ "
                 "are not used. If it is not set, it is made from them.",
         .secret = true,
         .file_variant = true,
         .reloadable = true,
         .empty_is_absent = true},
    [CONF_POSTGRES_HOST] = {.name = "POSTGRES_HOST",
                            CONF_ROW_TEXT(database.host),
                            .defaults = CONF_BOTH("127.0.0.1"),
                            .help = "The database server's host name or address, or the directory of its Unix socket "
                                    "(beginning with a slash).",
                            .file_variant = true,
                            .reloadable = true,
                            .empty_is_absent = true},
    [CONF_POSTGRES_PORT] = {.name = "POSTGRES_PORT",
                            CONF_ROW_COUNT(database.port, 1, 65535),
                            .defaults = CONF_BOTH("5432"),
                            .help = "The database server's port.",
                            .file_variant = true,
                            .reloadable = true,
                            .empty_is_absent = true},
    [CONF_POSTGRES_DB] = {.name = "POSTGRES_DB",
                          CONF_ROW_TEXT(database.name),
                          .defaults = CONF_BOTH("stratslab"),
                          .help = "The database's name.",
                          .file_variant = true,
                          .reloadable = true,
                          .empty_is_absent = true},
    [CONF_POSTGRES_USER] = {.name = "POSTGRES_USER",
                            CONF_ROW_TEXT(database.user),
                            .defaults = CONF_BOTH("stratslab"),
                            .help = "The role to connect as.",
                            .file_variant = true,
                            .reloadable = true,
                            .empty_is_absent = true},
    [CONF_POSTGRES_PASSWORD] = {.name = "POSTGRES_PASSWORD",
                                CONF_ROW_TEXT(database.password),
                                .defaults = CONF_BOTH(""),
                                .help = "The role's password. The default is none.",
                                .secret = true,
                                .file_variant = true,
                                .reloadable = true,
                                .empty_is_absent = true},
    [CONF_MIGRATE_POSTGRES_USER] =
        {.name = "MIGRATE_POSTGRES_USER",
         CONF_ROW_TEXT(database.migrate.user),
         .defaults = {[CONF_STRATSLABD] = ""},
         .help = "The role that owns the tables. If it is set, what changes them or makes tokens (migrate, token, the "
                 "migrations of a start and of a reload) connects as this role, to the server and the database that "
                 "POSTGRES_HOST, POSTGRES_PORT and POSTGRES_DB name. Requests are served as POSTGRES_USER, which then "
                 "needs no right to change tables. Not used if DATABASE_URL is set.",
         .file_variant = true,
         .reloadable = true,
         .empty_is_absent = true,
         .is_owners = true},
    [CONF_MIGRATE_POSTGRES_PASSWORD] = {.name = "MIGRATE_POSTGRES_PASSWORD",
                                        CONF_ROW_TEXT(database.migrate.password),
                                        .defaults = {[CONF_STRATSLABD] = ""},
                                        .help = "The password of MIGRATE_POSTGRES_USER. The default is none.",
                                        .secret = true,
                                        .file_variant = true,
                                        .reloadable = true,
                                        .empty_is_absent = true,
                                        .is_owners = true},
    [CONF_MIGRATE_DATABASE_URL] =
        {.name = "MIGRATE_DATABASE_URL",
         CONF_ROW_DATABASE_URL(database.migrate.given_url),
         .defaults = {[CONF_STRATSLABD] = ""},
         .help = "The same database as that of DATABASE_URL, as the role that owns the tables. If it is set, what "
                 "changes them or makes tokens connects with it, and DATABASE_URL needs no right to change tables. "
                 "Processes that serve requests forget it. If it is not set, it is made from MIGRATE_POSTGRES_USER; if "
                 "that is not set either, DATABASE_URL is used for everything.",
         .secret = true,
         .file_variant = true,
         .reloadable = true,
         .empty_is_absent = true,
         .is_owners = true},
    [CONF_CONFIG] =
        {.name = "STRATSLAB_CONFIG",
         CONF_ROW_PATH(conf.config_path),
         .defaults = CONF_BOTH(""),
         .computed = conf_default_config,
         .help = "The settings file. The default is stratslab/stratslabd.conf in the system's configuration directory. "
                 "That file may be missing; a file that is named here may not.",
         .help_of = {[CONF_BACKTESTD] =
                         "The settings file. The default is stratslab/backtestd.conf in the system's configuration "
                         "directory. That file may be missing; a file that is named here may not."},
         .empty_is_absent = true,
         .outside_file = true},
    [CONF_NEWER_SETTINGS] =
        {.name = "STRATSLAB_NEWER_SETTINGS",
         CONF_ROW_TEXT(newer_settings),
         .defaults = CONF_BOTH(""),
         .help = "Names of settings that a newer version has, separated by commas or spaces: if this version does not "
                 "know one of them, it is passed over in the environment and in the settings file, instead of being "
                 "an error. For programs of two versions that share them during an upgrade.",
         .empty_is_absent = true},
    [CONF_LISTEN] = {.name = "STRATSLAB_LISTEN",
                     CONF_ROW_ADDRESSES(conf.listen),
                     .defaults = {[CONF_STRATSLABD] = "127.0.0.1:8000"},
                     .help = "Where the API listens: host:port, [v6]:port, *:port or unix:/path. Separate several by "
                             "commas or spaces."},
    [CONF_ADMIN_LISTEN] = {.name = "STRATSLAB_ADMIN_LISTEN",
                           CONF_ROW_ADDRESSES(conf.admin_listen),
                           .defaults = {[CONF_STRATSLABD] = "127.0.0.1:8080", [CONF_BACKTESTD] = "127.0.0.1:8081"},
                           .help =
                               "Where health, metrics and status are served. Off, or an empty value, means nowhere.",
                           .may_be_none = true},
    {.name = "STRATSLAB_SOCKET_MODE",
     CONF_ROW_MODE(conf.sockets.mode, 0, 0777),
     .defaults = CONF_BOTH("0660"),
     .help = "The mode of the Unix sockets that are listened on: whoever may write may connect. With the default these "
             "are their owner and their group. The umask does not change it."},
    {.name = "STRATSLAB_SOCKET_OWNER",
     CONF_ROW_TEXT(conf.sockets.owner),
     .defaults = CONF_BOTH(""),
     .help = "Whose the Unix sockets are: user:group, user or :group (for example :www-data), names or numbers. Only "
             "root may name another user; a group must be one that the service's user is in. The default is the user "
             "and the group that the service runs as.",
     .empty_is_absent = true},
    {.name = "STRATSLAB_USER",
     CONF_ROW_TEXT(conf.user),
     .defaults = CONF_BOTH(""),
     .help =
         "If the service is started as root: the user, by name or number, that all its processes but the master "
         "become, with no capabilities and no way back. The default is the user \"stratslab\" if there is one, else "
         "\"nobody\". \"root\" stays root, without its capabilities; that is warned about. A service that is not "
         "started as root stays who it is.",
     .empty_is_absent = true,
     .reloadable = true},
    {.name = "STRATSLAB_SANDBOX",
     CONF_ROW_BOOLEAN(conf.sandbox),
     .defaults = CONF_BOTH("on"),
     .help = "Whether processes that speak to clients or to the database give up what they do not need: a filter of "
             "system calls, and Landlock as far as the kernel has it (no other programs, no files written, no sockets "
             "listened on). \"off\" is for a module of the C library's name service or of Kerberos that needs more.",
     .reloadable = true},
    {.name = "STRATSLAB_WORKERS",
     CONF_ROW_COUNT(conf.supervision.workers, 1, 256),
     .defaults = CONF_BOTH(""),
     .computed = conf_default_workers,
     .help =
         "How many worker processes run. The default is the number of processors that the service may use: those of "
         "its affinity, or fewer if the quota of its control group or of one above it is less.",
     .empty_is_absent = true,
     .reloadable = true},
    {.name = "STRATSLAB_MIGRATIONS_DIR",
     CONF_ROW_PATH(conf.migrations.dir),
     .defaults = CONF_BOTH(""),
     .computed = conf_default_migrations_dir,
     .help = "The directory of the migrations. The default is that of the installed ones.",
     .empty_is_absent = true,
     .reloadable = true},
    {.name = "STRATSLAB_DOCS_DIR",
     CONF_ROW_PATH(conf.docs_dir),
     .defaults = {[CONF_STRATSLABD] = ""},
     .computed = conf_default_docs_dir,
     .help = "The directory of Swagger UI's files. The default is that of the installed ones.",
     .empty_is_absent = true,
     .reloadable = true},
    {.name = "STRATSLAB_UI_DIR",
     CONF_ROW_PATH(conf.ui_dir),
     .defaults = {[CONF_STRATSLABD] = ""},
     .computed = conf_default_ui_dir,
     .help = "The directory of the files of the page for people. The default is that of the installed ones.",
     .empty_is_absent = true,
     .reloadable = true},
    {.name = "STRATSLAB_ENVIRONMENT",
     CONF_ROW_CHOICE(conf.environment, enum conf_environment, "production, development"),
     .defaults = CONF_BOTH("production"),
     .help = "Whether applied migrations that were changed, and pending ones that are older than applied ones, are "
             "errors (production) or warnings (development). And whether a debugger of the same user may attach to "
             "the service and a crash may leave a core file (development), or neither (production).",
     .help_of = {[CONF_BACKTESTD] = "Whether a debugger of the same user may attach to the service and a crash may "
                                    "leave a core file (development), or neither (production)."},
     .reloadable = true},
    {.name = "STRATSLAB_AUTH",
     CONF_ROW_CHOICE(conf.auth, enum conf_auth, "token, off"),
     .defaults = {[CONF_STRATSLABD] = "token"},
     .help = "Who may use what is under /api/. With token it is whoever has an access token (stratslabd token create), "
             "with off everybody who can connect. Off is for development.",
     .reloadable = true},
    {.name = "STRATSLAB_CORS_ORIGINS",
     CONF_ROW_ORIGINS(conf.cors_origins),
     .defaults = {[CONF_STRATSLABD] = ""},
     .help =
         "The web origins whose scripts may read answers in a browser, and make changes: scheme://host[:port], or * "
         "for all. Separate several by commas or spaces. The default is none.",
     .reloadable = true},
    {.name = "STRATSLAB_ALLOWED_HOSTS",
     CONF_ROW_HOSTS(conf.allowed_hosts),
     .defaults = CONF_BOTH(""),
     .help =
         "The host names that requests may be for, without ports; *.example.com is every name below that one, and * "
         "alone is any. Requests for other hosts are answered 421, except for the health paths. If no token is "
         "asked for (STRATSLAB_AUTH is off; the admin port), localhost, the addresses that are listened on and "
         "Unix sockets always count, and without a list nothing else does: name the service here as others call "
         "it, for example as Prometheus does. If a token is asked for, the default is any host.",
     .help_of = {[CONF_BACKTESTD] =
                     "The host names that requests for the admin port may be for, without ports; *.example.com is "
                     "every name below that one, and * alone is any. localhost, the addresses that are listened on "
                     "and Unix sockets always count. Requests for other hosts are answered 421, except for the health "
                     "paths: name the service here as others call it, for example as Prometheus does."},
     .reloadable = true},
    {.name = "STRATSLAB_MIGRATE_ON_START",
     CONF_ROW_BOOLEAN(conf.migrations.on_start),
     .defaults = {[CONF_STRATSLABD] = "on"},
     .help = "Whether pending migrations are applied at the start and at each reload.",
     .reloadable = true},
    {.name = "STRATSLAB_MIGRATE_LOCK_TIMEOUT",
     CONF_ROW_DURATION(conf.migrations.lock_timeout_ms, 0, CONF_DAY),
     .defaults = {[CONF_STRATSLABD] = "5min"},
     .help = "How long to wait for another instance that is migrating, and for a lock on the ledger.",
     .reloadable = true},
    {.name = "STRATSLAB_MIGRATE_REHEARSAL",
     CONF_ROW_DURATION(conf.migrations.rehearsal_timeout_ms, 0, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "2s"},
     .help =
         "How long check, plan and a reload may try pending migrations in a transaction that is rolled back. For so "
         "long they may hold locks on tables. What takes longer is not tried, and stops no reload. 0 tries none.",
     .reloadable = true},
    {.name = "STRATSLAB_BACKTEST_RETENTION",
     CONF_ROW_DURATION(conf.backtest_retention_ms, 0, CONF_CENTURY),
     .defaults = {[CONF_STRATSLABD] = "0s"},
     .help =
         "How long a backtest is kept after it has succeeded, failed or was cancelled. After that it is removed, with "
         "its results. 0 keeps all; \"stratslabd backtests prune\" removes old ones by hand.",
     .reloadable = true},
    {.name = "STRATSLAB_JOB_MEMORY",
     CONF_ROW_SIZE(conf.jobs.memory_bytes, 64 * CONF_MIB, CONF_TIB),
     .defaults = {[CONF_BACKTESTD] = "1GiB"},
     .help = "How much memory a job may take: the process that computes a backtest, with its candles and its result. A "
             "backtest that needs more fails with out_of_memory. Each worker computes one at a time.",
     .reloadable = true},
    {.name = "STRATSLAB_JOB_TIMEOUT",
     CONF_ROW_DURATION(conf.jobs.cpu_ms, 1000, CONF_DAY),
     .defaults = {[CONF_BACKTESTD] = "10min"},
     .help = "How much processor time a job may take. A backtest that needs more fails with out_of_time.",
     .reloadable = true},
    {.name = "STRATSLAB_CACHE_DIR",
     CONF_ROW_PATH(conf.jobs.cache_dir),
     .defaults = {[CONF_BACKTESTD] = ""},
     .help = "A folder for candles that were read before, which all workers of the machine share. It is made if its "
             "parent is there, and it must belong to the user of the workers. The default is none: every job then "
             "reads its candles from the database.",
     .reloadable = true,
     .may_be_none = true},
    {.name = "STRATSLAB_CACHE_SIZE",
     CONF_ROW_SIZE(conf.jobs.cache_bytes, 0, CONF_TIB),
     .defaults = {[CONF_BACKTESTD] = "1GiB"},
     .help = "How much the files in STRATSLAB_CACHE_DIR may take. Those that were used the longest ago go first.",
     .reloadable = true},
    {.name = "STRATSLAB_DATABASE_BOOT_TIMEOUT",
     CONF_ROW_DURATION(conf.database.boot_timeout_ms, 0, CONF_DAY),
     .defaults = CONF_BOTH("1min"),
     .help = "How long the start waits for a database that does not answer yet.",
     .reloadable = true},
    {.name = "STRATSLAB_DATABASE_CONNECT_TIMEOUT",
     CONF_ROW_DURATION(conf.database.limits.connect_timeout_ms, 100, 10 * CONF_MINUTE),
     .defaults = CONF_BOTH("5s"),
     .help = "How long one attempt to connect may take. Looking up names and all addresses of all hosts share it, but "
             "each address has a second at least.",
     .reloadable = true},
    {.name = "STRATSLAB_DATABASE_STATEMENT_TIMEOUT",
     CONF_ROW_DURATION(conf.database.limits.statement_timeout_ms, 10, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "5s", [CONF_BACKTESTD] = "30s"},
     .help = "How long a statement may run.",
     .help_of = {[CONF_BACKTESTD] = "How long a statement may run. The longest is the one that writes the result of a "
                                    "backtest, with all of its trades."},
     .reloadable = true},
    {.name = "STRATSLAB_DATABASE_LOCK_TIMEOUT",
     CONF_ROW_DURATION(conf.database.limits.lock_timeout_ms, 10, CONF_HOUR),
     .defaults = CONF_BOTH("2s"),
     .help = "How long a statement may wait for a lock.",
     .reloadable = true},
    {.name = "STRATSLAB_DATABASE_IDLE_IN_TRANSACTION_TIMEOUT",
     CONF_ROW_DURATION(conf.database.limits.idle_in_transaction_timeout_ms, 100, CONF_HOUR),
     .defaults = CONF_BOTH("10s"),
     .help = "How long the database lets a transaction sit idle before it ends it.",
     .reloadable = true},
    {.name = "STRATSLAB_DATABASE_QUEUE",
     CONF_ROW_COUNT(conf.database.limits.queue_max, 1, 65536),
     .defaults = CONF_BOTH("1024"),
     .help = "How many statements a worker queues. Requests beyond that are answered 503. One client (token, else "
             "address) has a quarter of it, or 16 if that is more; beyond that its requests are answered 429.",
     .help_of = {[CONF_BACKTESTD] = "How many statements a worker queues. Beyond that it takes no more work."},
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_REQUEST_LINE",
     CONF_ROW_SIZE(conf.http.request_line_bytes, 256, 64 * CONF_KIB),
     .defaults = {[CONF_STRATSLABD] = "8KiB"},
     .help = "The longest request line; a longer one is answered 414.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_HEADERS",
     CONF_ROW_SIZE(conf.http.header_bytes, 1 * CONF_KIB, 1 * CONF_MIB),
     .defaults = {[CONF_STRATSLABD] = "16KiB"},
     .help = "The largest header section; a larger one is answered 431.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_HEADER_FIELDS",
     CONF_ROW_COUNT(conf.http.header_fields, 10, 1000),
     .defaults = {[CONF_STRATSLABD] = "100"},
     .help = "The most header fields in a request; more are answered 431.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_BODY",
     CONF_ROW_SIZE(conf.http.body_bytes, 1 * CONF_KIB, 64 * CONF_MIB),
     .defaults = {[CONF_STRATSLABD] = "1MiB"},
     .help = "The largest request body; a larger one is answered 413.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_HEADER_TIMEOUT",
     CONF_ROW_DURATION(conf.http.header_timeout_ms, 100, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "10s"},
     .help = "How long a client may take for the whole head of a request. After that the answer is 408.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_BODY_TIMEOUT",
     CONF_ROW_DURATION(conf.http.body_timeout_ms, 100, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "30s"},
     .help = "How long a client may take for the whole body of a request. After that the answer is 408.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_IDLE_TIMEOUT",
     CONF_ROW_DURATION(conf.http.idle_timeout_ms, 100, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "75s"},
     .help = "How long a connection is kept open between requests.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_WRITE_TIMEOUT",
     CONF_ROW_DURATION(conf.http.write_timeout_ms, 100, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "30s"},
     .help = "How long a client may leave a response unread before the connection is closed. A client that reads less "
             "than 512 bytes a second, over so long, counts as one that does not read.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_CONNECTIONS",
     CONF_ROW_COUNT(conf.http.connections, 1, 65536),
     .defaults = {[CONF_STRATSLABD] = "1000"},
     .help = "How many connections a worker holds. If it is full, the connection that is idle for the longest time "
             "makes room for a new one; if none is idle, new ones wait.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_CONNECTIONS_PER_ADDRESS",
     CONF_ROW_COUNT(conf.http.connections_per_address, 0, 65536),
     .defaults = {[CONF_STRATSLABD] = "0"},
     .help = "From how many connections on an address gets no more of a full worker's room: its new connections take "
             "the place of its own idle ones or wait, and for others there are some places more. While there is room, "
             "an address may have all of it, as a proxy needs. The addresses of an IPv6 network of 64 bits count as "
             "one. Unix sockets are not bounded. 0 means half of STRATSLAB_HTTP_CONNECTIONS.",
     .reloadable = true},
    {.name = "STRATSLAB_HTTP_MEMORY",
     CONF_ROW_SIZE(conf.http.memory_bytes, 4 * CONF_MIB, CONF_TIB),
     .defaults = {[CONF_STRATSLABD] = ""},
     .computed = conf_default_http_memory,
     .late = true,
     .help = "How much memory all workers together hold for clients: requests that come in, and answers that are not "
             "yet read. Beyond that, requests are answered 503, large ones first. The default is half of the memory "
             "that the limit of the service's control group, or of one above it, leaves after the processes' own; "
             "without a limit, a quarter of the machine's, at most 1GiB.",
     .empty_is_absent = true,
     .reloadable = true},
    {.name = "STRATSLAB_OPENAPI_URL",
     CONF_ROW_URL_PATH(conf.openapi_url),
     .defaults = {[CONF_STRATSLABD] = "/openapi.json"},
     .help = "The path at which the OpenAPI document is served. Off means nowhere.",
     .reloadable = true},
    {.name = "STRATSLAB_DOCS_URL",
     CONF_ROW_URL_PATH(conf.docs_url),
     .defaults = {[CONF_STRATSLABD] = "/docs"},
     .help = "The path of the page that shows the OpenAPI document (Swagger UI). Off means nowhere. If the document is "
             "off, there is no page either.",
     .reloadable = true},
    {.name = "STRATSLAB_STOP_DELAY",
     CONF_ROW_DURATION(conf.supervision.stop_delay_ms, 0, 10 * CONF_MINUTE),
     .defaults = CONF_BOTH("0s"),
     .help = "How long readiness is 503 in a graceful stop before the service stops accepting, so that a load balancer "
             "can notice.",
     .reloadable = true},
    {.name = "STRATSLAB_STOP_TIMEOUT",
     CONF_ROW_DURATION(conf.supervision.stop_timeout_ms, 100, CONF_HOUR),
     .defaults = CONF_BOTH("7s"),
     .help = "How long requests may still run in a graceful stop. After that their queries are cancelled and they are "
             "answered 503. Two seconds later what is left is killed.",
     .help_of = {[CONF_BACKTESTD] = "How long work may still run in a graceful stop. After that it is given back. Two "
                                    "seconds later what is left is killed."},
     .reloadable = true},
    {.name = "STRATSLAB_HANG_TIMEOUT",
     CONF_ROW_DURATION(conf.supervision.hang_timeout_ms, 2000, CONF_HOUR),
     .defaults = CONF_BOTH("30s"),
     .help = "A worker whose event loop is silent for so long is ended, with a backtrace in the log, and replaced. A "
             "slow query does not make it silent.",
     .reloadable = true},
    {.name = "STRATSLAB_MAX_REQUESTS",
     CONF_ROW_COUNT(conf.supervision.max_requests, 0, UINT32_MAX),
     .defaults = CONF_BOTH("0"),
     .help = "A worker is replaced after about this many requests (jittered by a tenth). The new one starts first. 0 "
             "means never.",
     .help_of = {[CONF_BACKTESTD] =
                     "A worker is replaced after about this many backtests (jittered by a tenth). The new "
                     "one starts first. 0 means never."},
     .reloadable = true},
    {.name = "STRATSLAB_MAX_MEMORY",
     CONF_ROW_SIZE(conf.supervision.max_memory, 0, CONF_TIB),
     .defaults = CONF_BOTH("0"),
     .help = "A worker whose resident memory is above this is replaced. The new one starts first. 0 means never.",
     .reloadable = true},
    {.name = "STRATSLAB_RELOAD_TIMEOUT",
     CONF_ROW_DURATION(conf.supervision.reload_timeout_ms, 1000, CONF_HOUR),
     .defaults = CONF_BOTH("60s"),
     .help = "How long a reload waits for the preflight of the new executable, and for each new worker to be ready. "
             "After that the code that was running serves on.",
     .reloadable = true},
    {.name = "STRATSLAB_RETIRE_TIMEOUT",
     CONF_ROW_DURATION(conf.supervision.retire_timeout_ms, 0, CONF_HOUR),
     .defaults = CONF_BOTH("0s"),
     .help = "How long a worker that was replaced (by a reload, or by another setting) may still finish the requests "
             "that it has. Idle connections it closes after 5 seconds at most. 0 means as long as the time-outs of its "
             "clients add up to, at least 2 minutes.",
     .help_of = {[CONF_BACKTESTD] = "How long a process that was replaced (by a reload, or by another setting) may "
                                    "still finish what it has. 0 means 2 minutes at least."},
     .reloadable = true},
    {.name = "STRATSLAB_LOG_LEVEL",
     CONF_ROW_CHOICE(conf.log.lines.level, enum log_level, "error, warning, info, debug"),
     .defaults = CONF_BOTH("info"),
     .help = "The least important level that is still logged.",
     .reloadable = true},
    {.name = "STRATSLAB_LOG_FORMAT",
     CONF_ROW_CHOICE(conf.log.lines.format, enum log_format, "logfmt, json"),
     .defaults = CONF_BOTH("logfmt"),
     .help = "The form of the log's lines.",
     .reloadable = true},
    {.name = "STRATSLAB_LOG_FILE",
     CONF_ROW_PATH(conf.log.file),
     .defaults = CONF_BOTH(""),
     .help = "A file to which the log is appended, instead of going to standard error. Errors still go to standard "
             "error as well. The file is opened again at SIGUSR1, so that it can be rotated. The default is none.",
     .reloadable = true,
     .may_be_none = true},
    {.name = "STRATSLAB_LOG_ACCESS",
     CONF_ROW_SHARE(conf.log.access),
     .defaults = CONF_BOTH("on"),
     .help = "Which requests are logged, each with a line: all (on), none (off), those that were answered 5xx or were "
             "slow (errors), or those and a share of the others, picked by chance.",
     .help_of = {[CONF_BACKTESTD] = "Which backtests are logged at their end, each with a line: all (on), none (off), "
                                    "those that did not succeed or were slow (errors), or those and a share of the "
                                    "others, picked by chance."},
     .reloadable = true},
    {.name = "STRATSLAB_LOG_SLOW",
     CONF_ROW_DURATION(conf.log.slow_ms, 1, CONF_HOUR),
     .defaults = {[CONF_STRATSLABD] = "1s", [CONF_BACKTESTD] = "1min"},
     .help = "How long a request must take to be slow for STRATSLAB_LOG_ACCESS.",
     .help_of = {[CONF_BACKTESTD] = "How long a backtest must take, from its claim to its end, to be slow for "
                                    "STRATSLAB_LOG_ACCESS."},
     .reloadable = true},
#ifdef CONF_ROWS_MORE /* tests/builds/newer.h has one: the next version */
    CONF_ROWS_MORE,
#endif
};

_Static_assert(countof(conf_table) <= CONF_SETTINGS_MAX, "CONF_SETTINGS_MAX is too small");

size_t conf_setting_count(void)
{
    return countof(conf_table);
}

size_t conf_next(enum conf_program program, size_t index)
{
    while (index < countof(conf_table) && conf_table[index].defaults[program] == NULL) index++;
    return index;
}

int conf_find(struct slice name)
{
    for (size_t i = 0; i < countof(conf_table); i++) {
        if (slice_is(name, conf_table[i].name)) return (int)i;
    }
    return -1;
}

const char *conf_suggest(struct slice name)
{
    const char *nearest = NULL;
    /* A quarter of the name may be wrong: enough for a swapped word, too little for a name made up. */
    size_t limit = name.len / 4 > 2 ? name.len / 4 : 2;

    for (size_t i = 0; i < countof(conf_table); i++) {
        size_t distance = distance_edit(name, slice_of(conf_table[i].name));

        if (distance < limit || (distance == limit && nearest == NULL)) {
            nearest = conf_table[i].name;
            limit = distance;
        }
    }
    return nearest;
}
