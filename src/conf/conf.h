/*
 * Settings: one table (conf/table.c) gives each its name, type, range, the default of each program that takes it, help,
 * and whether it is secret or can be changed by a reload. Sources, later ones win: the default, the settings file,
 * systemd's credentials (for those that allow NAME_FILE: a file called NAME in $CREDENTIALS_DIRECTORY), the
 * environment, the command line (--set). The result is a snapshot that nobody changes; a reload makes a new one.
 *
 * The settings file has lines NAME=VALUE, comments after #, and values in single or double quotes if they need
 * spaces or #; it is STRATSLAB_CONFIG, or sysconfdir/stratslab/PROGRAM.conf, which may be missing unless it was named.
 *
 * NAME_FILE in place of NAME, for those that allow it, names a file whose content is the value: Docker secrets, systemd
 * credentials. Line ends at its end do not count, however many there are and whichever (PostgreSQL's image reads its
 * password so). Both at once, in one source, is an error; of two sources the later wins, whichever way it gives the
 * value.
 *
 * An empty value counts as none given for the database's address and its parts, and for settings whose default is
 * computed, so that Compose's "${NAME:-}" does no harm; for others it is a bad value. A name twice in the file is an
 * error, and so is a bad value that a later source replaces.
 *
 * Programs may share an environment and a settings file: there, what only another program takes is passed over, and so
 * is what begins with STRATSLAB_TEST_ or STRATSLAB_DEV_ (variables of the tests and of scripts/dev.sh). On the command
 * line it is an error. A name of STRATSLAB_ that is nobody's is an error everywhere, but for variables of the
 * environment that an orchestrator sets by itself (conf/link.c): these are passed over, whatever their names.
 *
 * What is not used because DATABASE_URL is given is not judged: POSTGRES_* may then have any value.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/db_limits.h"
#include "base/error.h"
#include "base/http_hosts.h"
#include "base/http_limits.h"
#include "base/log.h"

enum conf_program { CONF_STRATSLABD, CONF_BACKTESTD, CONF_PROGRAMS };

enum conf_environment { CONF_ENVIRONMENT_PRODUCTION, CONF_ENVIRONMENT_DEVELOPMENT };

enum conf_auth { CONF_AUTH_TOKEN, CONF_AUTH_OFF };

enum { CONF_LISTEN_MAX = 16 };

/* An address to listen on, as written: "127.0.0.1:8000", "[::1]:8000", "*:8000", "unix:/run/x.sock". */
struct conf_address {
    const char *text; /* canonical, as it is printed */
    const char *host; /* without brackets; NULL for a Unix socket; "" is every address */
    const char *path; /* of a Unix socket; else NULL */
    uint16_t port;
};

struct conf_addresses {
    struct conf_address items[CONF_LISTEN_MAX];
    size_t count;
};

/* What is logged of the requests that are neither slow nor failed by us; between these two, a share in millionths. */
enum conf_share {
    CONF_SHARE_NONE = 0,      /* only those that are */
    CONF_SHARE_ALL = 1000000, /* every one */
    CONF_SHARE_OFF,           /* not even those that are */
};

/* Names in one spelling, in the order in which they were given. */
struct conf_names {
    const char *const *items;
    size_t count;
};

/* Of the Unix sockets that are listened on. */
struct conf_socket_access {
    unsigned mode;     /* of the file: 0660; whoever may write may connect */
    const char *owner; /* "user", "user:group", ":group", names or numbers; "": whoever runs the service */
};

struct conf_database {
    /* Made from DATABASE_URL (its "+driver" dropped) or POSTGRES_HOST, _PORT, _DB, _USER, _PASSWORD. Secret. */
    const char *url;
    bool given;        /* something says which; else it is all defaults */
    const char *label; /* "stratslab@127.0.0.1:5432/stratslab": for people, without the password */
    unsigned boot_timeout_ms;
    struct db_limits limits;
};

struct conf_migrations {
    /* As who migrations run and tokens are made. Made from MIGRATE_DATABASE_URL or MIGRATE_POSTGRES_USER and _PASSWORD;
     * without them, and after conf_forget_owner, that of struct conf_database. Secret. */
    const char *url;
    const char *label;
    const char *url_setting; /* where people look for it: "MIGRATE_DATABASE_URL", "MIGRATE_POSTGRES_USER" or
                                "DATABASE_URL" */
    bool own_role;           /* it is not that of struct conf_database */
    const char *dir;
    bool on_start;
    unsigned lock_timeout_ms;      /* how long to wait for another master's migration */
    unsigned rehearsal_timeout_ms; /* of what is pending; 0: no rehearsal */
};

struct conf_supervision {
    unsigned workers;
    unsigned stop_delay_ms;     /* readiness is 503 for this long before a graceful stop stops accepting */
    unsigned stop_timeout_ms;   /* then queries are cancelled and the rest answered 503; 2 s later SIGKILL */
    unsigned hang_timeout_ms;   /* a worker whose event loop is silent for longer is ended */
    unsigned reload_timeout_ms; /* for the preflight, and for each new child to be ready */
    unsigned retire_timeout_ms; /* for a process that another replaces; 0: what its clients' time-outs add up to */
    unsigned max_requests;      /* a worker is replaced after about so many, or so many backtests; 0: never */
    size_t max_memory;          /* and when its resident memory is above this; 0: never */
};

/* What computes a backtest, and the candles that it reads. */
struct conf_jobs {
    size_t memory_bytes;   /* of the process of a job */
    unsigned cpu_ms;       /* processor time of a job */
    const char *cache_dir; /* "": none */
    size_t cache_bytes;    /* of all files there */
};

struct conf_log {
    struct log_lines lines;
    const char *file; /* "": standard error */
    unsigned access;  /* how many of a million requests (backtests) are logged, or an enum conf_share */
    unsigned slow_ms; /* those that took as long are logged whatever their share */
};

/* The snapshot. Strings are owned by it. Times are milliseconds, sizes bytes. What the program does not take stands at
 * the default that it has in the other; but it listens nowhere. */
struct conf {
    enum conf_program program;
    enum conf_environment environment;
    struct conf_addresses listen;
    struct conf_addresses admin_listen; /* none: no admin process */
    struct conf_socket_access sockets;
    const char *user; /* whom root's children become; "": the usual one (wall/identity.h) */
    bool sandbox;     /* whether children enter the second wall (wall/wall.h) */
    enum conf_auth auth;
    struct conf_names cors_origins;  /* "https://app.example", or "*" alone */
    struct conf_names allowed_hosts; /* as given; what they come to is: */
    struct http_hosts hosts, admin_hosts;
    const char *config_path;
    bool config_missing;     /* there is no file at the default place, which is fine */
    const char *openapi_url; /* path of the OpenAPI document; NULL: it is not served */
    const char *docs_url;    /* path of the page that shows it; NULL: it is not served */
    const char *docs_dir;    /* of Swagger UI's files */
    const char *ui_dir;      /* of those of the page for people */
    struct http_limits http;
    struct conf_database database;
    struct conf_migrations migrations;
    size_t backtest_retention_ms; /* how long a backtest is kept after its end; 0: for ever */
    struct conf_supervision supervision;
    struct conf_jobs jobs;
    struct conf_log log;
    const char *newer_passed; /* those that were given, and that it does not know, separated by spaces; "": none */
    struct conf_names links;  /* variables that an orchestrator sets by itself, and that were passed over */

    struct conf_state *state; /* owner of the strings; where each setting came from */
};

/*
 * `environ_list` is the environment (NULL-terminated "NAME=VALUE"), `sets` are the command line's NAME=VALUE.
 * Everything that is wrong is named at once in err->message, a line each with file and line, or "environment", or
 * "--set"; the code is ERROR_SETTINGS. Names of STRATSLAB_ that are not in the table are wrong, and in the file any
 * unknown name is, unless STRATSLAB_NEWER_SETTINGS lists them.
 */
int conf_load(enum conf_program program, const char *const *environ_list, const char *const *sets, size_t set_count,
              struct conf **ret_conf, struct error *err) ATTR_CHECKED;
void conf_free(struct conf *conf); /* takes NULL */

/* Whether a NAME=VALUE of the command line is not for everybody to read: its setting is one that is masked, or the
 * value holds what base/mask.h knows as a secret. */
bool conf_set_is_secret(const char *set);
/* Whether it is certain, too, that there is a password in it; not so of a URL that names none. */
bool conf_set_has_password(const char *set);

/* In a process that serves requests (command_forget_owner): overwrites what the snapshot holds of the tables' owner,
 * and the values of the owner's settings in `environ_list`. */
void conf_forget_owner(const struct conf *conf, char *const *environ_list);
/* Overwrites the value if this is NAME=VALUE of a setting of the tables' owner. */
void conf_wipe_owners(char *variable);

/*
 * What libpq would find wrong only when it connects: its own variables (PGSSLMODE, ...) in `environ_list`, and the
 * files of certificates and keys. For commands that connect. An image that is given its service back does not ask: it
 * did connect. ERROR_SETTINGS, with a line for each.
 */
int conf_judge_database(const struct conf *conf, const char *const *environ_list, struct error *err) ATTR_CHECKED;

enum { CONF_DATABASE_FILES_MAX = 16 };

/* The files that libpq reads each time it connects, as far as DATABASE_URL, MIGRATE_DATABASE_URL and `environ_list`
 * name them: certificates, a key, a password file, a service file. Writes their paths, which live until
 * conf_forget_owner, and returns how many. */
size_t conf_database_files(const struct conf *conf, const char *const *environ_list,
                           const char *paths[CONF_DATABASE_FILES_MAX]);

/* Files that libpq looks for in the home of whoever connects, if none is named. */
enum conf_home_file {
    CONF_HOME_SERVICES,
    CONF_HOME_PASSWORDS,
    CONF_HOME_ROOTS,
    CONF_HOME_CERTIFICATE,
    CONF_HOME_FILE_COUNT,
};

/* Its place in that home, such as ".pgpass", if these settings and variables make libpq look for it; else NULL. */
const char *conf_home_file(const struct conf *conf, const char *const *environ_list, enum conf_home_file file);

/* Whether somebody on another machine may be able to connect there. */
bool conf_address_is_public(const struct conf_address *address);

/* Effective settings with their source, secrets masked ("***"; in a URL only the password). */
void conf_print_text(const struct conf *conf, struct buf *out);
void conf_print_json(const struct conf *conf, struct buf *out);
/* Where the value of the setting of that name, which the table has, came from: "environment", or "default: …". */
void conf_print_source(const struct conf *conf, const char *name, struct buf *out);
/*
 * Every setting in force as "NAME=VALUE" with a NUL after each, secrets and all: an environment that conf_load reads
 * back to the same snapshot, whatever stands in the settings file and the environment by then. But for the owner's: who
 * is given that has migrated already.
 */
void conf_export(const struct conf *conf, struct buf *out);
/* The program's sample settings file, every setting commented out at its default with its help. */
void conf_print_sample(enum conf_program program, struct buf *out);
/* The list of settings as it stands in the manual page stratslabd.conf(5) or backtestd.conf(5), in mdoc. */
void conf_print_man(enum conf_program program, struct buf *out);

enum { CONF_RANGE_TEXT_BYTES = 64 };

/* The table, as tests look at it. */
struct conf_setting_info {
    const char *name;
    const char *type;         /* "duration", "size", "integer", "address list", "one of production, development" */
    const char *default_text; /* "" if it is computed: see help; NULL: the program does not take it */
    const char *help;
    char range[CONF_RANGE_TEXT_BYTES]; /* "from 1 to 256", "from 100ms to 1h"; "" if there is none */
    bool secret;
    bool file_variant; /* NAME_FILE is allowed */
    bool reloadable;
};

enum { CONF_EXPORT_MAX = 128 }; /* more entries than conf_export ever writes */

size_t conf_setting_count(void);
struct conf_setting_info conf_setting_info(enum conf_program program, size_t index);

/* "stratslabd", "backtestd" */
const char *conf_program_name(enum conf_program program);

#endif
