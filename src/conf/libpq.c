/*
 * The parameters of a connection to PostgreSQL, as libpq knows them (its manual, "Parameter Key Words" and "Environment
 * Variables"). libpq judges most values only when it connects, and says the same then again and again; so they are
 * judged here, before anything is started. What libpq would take is not refused here, but for files: libpq goes on
 * without a certificate that it does not find, which is less than was asked for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/distance.h"
#include "base/number.h"
#include "conf/internal.h"

enum libpq_kind {
    LIBPQ_ANY,
    LIBPQ_WORD, /* one of `words` */
    LIBPQ_WORD_NOCASE,
    LIBPQ_NUMBER,
    LIBPQ_PORTS,
    LIBPQ_ADDRESSES,
    LIBPQ_METHODS, /* a list of `words`, each of them perhaps after a "!" */
    LIBPQ_FILE,
};

static const char switch_words[] = "0, 1";
static const char tls_words[] = "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3";

static const struct libpq_row {
    const char *name;
    const char *variable; /* NULL: libpq takes it from none that we leave in the environment (base/given.h) */
    enum libpq_kind kind;
    const char *words;
    bool is_usual; /* it is listed if another one is not known */
} libpq_rows[] = {
    {"application_name", "PGAPPNAME", .is_usual = true},
    {"channel_binding", "PGCHANNELBINDING", LIBPQ_WORD, .words = "disable, prefer, require", .is_usual = true},
    {"client_encoding", "PGCLIENTENCODING", .kind = LIBPQ_ANY},
    {"connect_timeout", "PGCONNECT_TIMEOUT", LIBPQ_NUMBER, .is_usual = true},
    {"dbname", "PGDATABASE", .is_usual = true},
    {"fallback_application_name", NULL, .kind = LIBPQ_ANY},
    {"gssdelegation", "PGGSSDELEGATION", LIBPQ_WORD, .words = switch_words},
    {"gssencmode", "PGGSSENCMODE", LIBPQ_WORD, .words = "disable, prefer, require", .is_usual = true},
    {"gsslib", "PGGSSLIB", .kind = LIBPQ_ANY},
    {"host", "PGHOST", .is_usual = true},
    {"hostaddr", NULL, LIBPQ_ADDRESSES, .is_usual = true},
    {"keepalives", NULL, LIBPQ_NUMBER, .is_usual = true},
    {"keepalives_count", NULL, LIBPQ_NUMBER, .is_usual = true},
    {"keepalives_idle", NULL, LIBPQ_NUMBER, .is_usual = true},
    {"keepalives_interval", NULL, LIBPQ_NUMBER, .is_usual = true},
    {"krbsrvname", "PGKRBSRVNAME", .kind = LIBPQ_ANY},
    {"load_balance_hosts", "PGLOADBALANCEHOSTS", LIBPQ_WORD, .words = "disable, random", .is_usual = true},
    {"max_protocol_version", "PGMAXPROTOCOLVERSION", .kind = LIBPQ_ANY},
    {"min_protocol_version", "PGMINPROTOCOLVERSION", .kind = LIBPQ_ANY},
    {"options", "PGOPTIONS", .is_usual = true},
    {"passfile", "PGPASSFILE", .is_usual = true},
    {"password", "PGPASSWORD", .is_usual = true},
    {"port", "PGPORT", LIBPQ_PORTS, .is_usual = true},
    {"replication", NULL, LIBPQ_WORD, .words = "false, off, no, 0"},
    {"require_auth", "PGREQUIREAUTH", LIBPQ_METHODS, .words = "password, md5, gss, sspi, scram-sha-256, oauth, none",
     .is_usual = true},
    {"requirepeer", "PGREQUIREPEER", .is_usual = true},
    {"scram_client_key", NULL, .kind = LIBPQ_ANY},
    {"scram_server_key", NULL, .kind = LIBPQ_ANY},
    {"service", "PGSERVICE", .is_usual = true},
    {"servicefile", "PGSERVICEFILE", .kind = LIBPQ_ANY},
    {"sslcert", "PGSSLCERT", LIBPQ_FILE, .is_usual = true},
    {"sslcertmode", "PGSSLCERTMODE", LIBPQ_WORD, .words = "disable, allow, require", .is_usual = true},
    {"sslcompression", "PGSSLCOMPRESSION", LIBPQ_WORD, .words = switch_words},
    {"sslcrl", "PGSSLCRL", LIBPQ_FILE, .is_usual = true},
    {"sslcrldir", "PGSSLCRLDIR", LIBPQ_FILE, .is_usual = true},
    {"sslkey", "PGSSLKEY", LIBPQ_FILE, .is_usual = true},
    {"sslkeylogfile", NULL, .kind = LIBPQ_ANY},
    {"sslmode", "PGSSLMODE", LIBPQ_WORD, .words = "disable, allow, prefer, require, verify-ca, verify-full",
     .is_usual = true},
    {"sslnegotiation", "PGSSLNEGOTIATION", LIBPQ_WORD, .words = "postgres, direct", .is_usual = true},
    {"sslpassword", NULL, .is_usual = true},
    {"sslrootcert", "PGSSLROOTCERT", LIBPQ_FILE, .is_usual = true},
    {"sslsni", "PGSSLSNI", LIBPQ_WORD, .words = switch_words},
    {"ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", LIBPQ_WORD_NOCASE, .words = tls_words, .is_usual = true},
    {"ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", LIBPQ_WORD_NOCASE, .words = tls_words, .is_usual = true},
    {"target_session_attrs", "PGTARGETSESSIONATTRS", LIBPQ_WORD,
     .words = "any, read-write, read-only, primary, standby, prefer-standby", .is_usual = true},
    {"tcp_user_timeout", NULL, LIBPQ_NUMBER, .is_usual = true},
    {"user", "PGUSER", .is_usual = true},
};

/* What other clients take (Prisma, SQLAlchemy, asyncpg, JDBC, Go), and what is done here instead. The advice begins as
 * the sentence goes on. */
static const struct {
    const char *name;
    const char *advice;
} libpq_strangers[] = {
    {"currentSchema", "the service finds its tables by itself"},
    {"schema", "the service finds its tables by itself"},
    {"search_path", "the service finds its tables by itself"},
    {"lock_timeout", "STRATSLAB_DATABASE_LOCK_TIMEOUT is the setting for it"},
    {"statement_timeout", "STRATSLAB_DATABASE_STATEMENT_TIMEOUT is the setting for it"},
    {"ssl", "write sslmode=require"},
    {"sslaccept", "write sslmode=require, or verify-full with sslrootcert"},
    {"sslidentity", "write sslcert and sslkey"},
    {"timezone", "the service sets it itself"},
    {"TimeZone", "the service sets it itself"},
};

static const struct libpq_row *libpq_find(struct slice name)
{
    for (size_t i = 0; i < countof(libpq_rows); i++) {
        if (slice_is(name, libpq_rows[i].name)) return &libpq_rows[i];
    }
    return NULL;
}

/* ---- Values ---- */

static bool libpq_word_is(const struct libpq_row *row, struct slice word)
{
    struct slice rest = slice_of(row->words);

    while (rest.data != NULL) {
        const struct slice one = slice_trim(slice_cut(&rest, ','));
        const bool same_length = one.len == word.len;

        if (slice_eq(one, word)) return true;
        if (row->kind == LIBPQ_WORD_NOCASE && same_length && strncasecmp(one.data, word.data, one.len) == 0)
            return true;
    }
    return false;
}

static bool libpq_words_refuse(const struct libpq_row *row, struct slice value, const char *list, struct buf *why)
{
    conf_refusal(value, list, why);
    buf_printf(why, " %s", row->words);
    return false;
}

/* libpq takes a sign and spaces around a number, but no empty value. */
static bool libpq_number_check(struct slice value, struct buf *why)
{
    struct slice digits = slice_trim(value);
    uint64_t number;

    if (digits.len > 0 && (digits.data[0] == '-' || digits.data[0] == '+')) digits.data++, digits.len--;
    if (number_parse_u64(digits, &number) && number <= INT_MAX) return true;
    return conf_refuse(value, "is not a whole number", why);
}

/* "5432", or one for each host: "5432,5433"; an empty one is the default. */
static bool libpq_ports_check(struct slice value, struct buf *why)
{
    struct slice rest = value;
    uint64_t port;

    while (rest.data != NULL) {
        const struct slice one = slice_trim(slice_cut(&rest, ','));

        if (one.len == 0 || (number_parse_u64(one, &port) && port >= 1 && port <= UINT16_MAX)) continue;
        return conf_refuse(value, "is not a port from 1 to 65535, nor a list of them", why);
    }
    return true;
}

static bool libpq_address_is(struct slice text)
{
    char address[INET6_ADDRSTRLEN + 1];
    unsigned char binary[sizeof(struct in6_addr)];
    struct slice zone = text;

    text = slice_cut(&zone, '%');
    if (text.len >= sizeof(address)) return false;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1;
}

static bool libpq_addresses_check(struct slice value, struct buf *why)
{
    struct slice rest = value;

    while (rest.data != NULL) {
        const struct slice one = slice_trim(slice_cut(&rest, ','));

        if (one.len == 0 || libpq_address_is(one)) continue;
        return conf_refuse(value, "is not an IP address, nor a list of them (a name belongs in host)", why);
    }
    return true;
}

static bool libpq_methods_check(const struct libpq_row *row, struct slice value, struct buf *why)
{
    struct slice rest = value;

    while (rest.len > 0) {
        struct slice one = slice_trim(slice_cut(&rest, ','));

        if (one.len > 0 && one.data[0] == '!') one.data++, one.len--;
        if (!libpq_word_is(row, one)) {
            return libpq_words_refuse(row, value, "is not a list (each perhaps after a !) of", why);
        }
    }
    return true;
}

static bool libpq_value_check(const struct libpq_row *row, struct slice value, struct buf *why)
{
    switch (row->kind) {
    case LIBPQ_WORD:
    case LIBPQ_WORD_NOCASE:
        return libpq_word_is(row, value) || libpq_words_refuse(row, value, "is not one of", why);
    case LIBPQ_NUMBER:
        return libpq_number_check(value, why);
    case LIBPQ_PORTS:
        return libpq_ports_check(value, why);
    case LIBPQ_ADDRESSES:
        return libpq_addresses_check(value, why);
    case LIBPQ_METHODS:
        return libpq_methods_check(row, value, why);
    case LIBPQ_ANY:
    case LIBPQ_FILE: /* conf_judge_database looks at it */
        break;
    }
    return true;
}

/* ---- Parameters ---- */

static void libpq_refuse_name(struct slice name, const char *what, struct buf *why)
{
    struct distance_guess guess = {.wanted = name};
    const char *advice = NULL;
    bool first = true;

    for (size_t i = 0; i < countof(libpq_strangers); i++) {
        if (slice_is(name, libpq_strangers[i].name)) advice = libpq_strangers[i].advice;
    }
    for (size_t i = 0; i < countof(libpq_rows); i++) distance_offer(&guess, slice_of(libpq_rows[i].name));
    buf_printf(why, "its %s ", what);
    conf_quote(name, why);
    buf_add_str(why, " is not one that PostgreSQL's client library takes");
    if (advice != NULL) {
        buf_printf(why, ": leave it out; %s", advice);
    } else if (guess.best.data != NULL) {
        buf_printf(why, "; did you mean %.*s?", SLICE_FMT(guess.best));
    } else {
        buf_add_str(why, ": leave it out");
    }
    buf_add_str(why, " (there are: ");
    for (size_t i = 0; i < countof(libpq_rows); i++) {
        if (!libpq_rows[i].is_usual) continue;
        buf_printf(why, "%s%s", first ? "" : ", ", libpq_rows[i].name);
        first = false;
    }
    buf_add_char(why, ')');
}

bool conf_libpq_check(struct slice name, struct slice value, const char *what, struct buf *why)
{
    const struct libpq_row *row = libpq_find(name);
    struct buf reason = {0};

    if (row == NULL) {
        libpq_refuse_name(name, what, why);
        return false;
    }
    if (libpq_value_check(row, value, &reason)) return true;
    buf_printf(why, "its %s %s: %s", what, row->name, buf_cstr(&reason));
    buf_clear(&reason);
    return false;
}

/* ---- What is in the environment, and files ---- */

/* What libpq will connect with. */
struct libpq_given {
    struct conf_target target;
    const char *const *environ_list;
    struct buf problems;
};

/* Where a parameter's value is from. */
struct libpq_source {
    const char *where; /* "environment: PGSSLMODE", "DATABASE_URL: its parameter sslmode" */
    struct slice value;
};

static const char *libpq_variable(const char *const *environ_list, const char *name)
{
    const size_t len = strlen(name);

    for (; *environ_list != NULL; environ_list++) {
        if (strncmp(*environ_list, name, len) == 0 && (*environ_list)[len] == '=') return *environ_list + len + 1;
    }
    return NULL;
}

/* The value of a parameter, and whether there is one. The connection string goes before the environment, in which an
 * empty value counts as none (base/given.h). */
static bool libpq_source(struct libpq_given *g, const char *name, struct libpq_source *ret_source)
{
    const struct libpq_row *row = libpq_find(slice_of(name));
    struct arena *arena = g->target.arena;

    if (conf_database_parameter(&g->target, name, &ret_source->value)) {
        ret_source->where = arena_printf(arena, "%s: its parameter %s", g->target.setting, name);
        return true;
    }
    const char *text = row->variable == NULL ? NULL : libpq_variable(g->environ_list, row->variable);

    if (text == NULL || text[0] == '\0') return false;
    *ret_source = (struct libpq_source){arena_printf(arena, "environment: %s", row->variable), slice_of(text)};
    return true;
}

static void libpq_problem(struct libpq_given *g, const char *where, const char *what)
{
    if (g->problems.len > 0) buf_add_char(&g->problems, '\n');
    buf_printf(&g->problems, "%s: %s", where, what);
}

static void libpq_check_variable(struct libpq_given *g, const struct libpq_row *row)
{
    struct libpq_source source;
    struct buf why = {0};

    if (!libpq_source(g, row->name, &source) || strncmp(source.where, "environment", strlen("environment")) != 0)
        return;
    if (!libpq_value_check(row, source.value, &why)) libpq_problem(g, source.where, buf_cstr(&why));
    buf_clear(&why);
}

static bool libpq_is_system(const struct libpq_row *row, struct slice value)
{
    return strcmp(row->name, "sslrootcert") == 0 && slice_is(value, "system");
}

/* As libpq has it: a key of root may be its group's to read. */
static bool libpq_is_private(const struct stat *st)
{
    const mode_t others = st->st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;

    return (st->st_mode & others) == 0;
}

/* A key may be an engine's ("engine:name"), and sslrootcert=system is OpenSSL's own collection. */
static void libpq_check_file(struct libpq_given *g, const struct libpq_row *row)
{
    struct libpq_source source;
    struct buf why = {0};

    if (!libpq_source(g, row->name, &source) || source.value.len == 0) return;
    if (memchr(source.value.data, ':', source.value.len) != NULL || libpq_is_system(row, source.value)) return;
    const char *path = arena_copy(g->target.arena, source.value).data;

    struct stat st = {0};

    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0) {
        buf_printf(&why, "cannot read %s: %s", path, strerror(errno));
    } else if (strcmp(row->name, "sslkey") == 0 && stat(path, &st) == 0 && !libpq_is_private(&st)) {
        buf_printf(&why, "others may read %s (mode %04o), and libpq takes no such key: chmod 600 %s", path,
                   (unsigned)st.st_mode & 07777, path);
    }
    if (why.len > 0) libpq_problem(g, source.where, buf_cstr(&why));
    buf_clear(&why);
}

/* The place of a version in tls_words; 0 if it is none of them. */
static size_t libpq_version(struct libpq_given *g, const char *name, struct libpq_source *ret_source)
{
    struct slice rest = slice_of(tls_words);

    if (!libpq_source(g, name, ret_source)) return 0;
    for (size_t place = 1; rest.data != NULL; place++) {
        const struct slice one = slice_trim(slice_cut(&rest, ','));

        if (one.len == ret_source->value.len && strncasecmp(one.data, ret_source->value.data, one.len) == 0)
            return place;
    }
    return 0;
}

static void libpq_check_versions(struct libpq_given *g)
{
    struct libpq_source least = {.where = ""};
    struct libpq_source most = {.where = ""};
    const size_t from = libpq_version(g, "ssl_min_protocol_version", &least);
    const size_t to = libpq_version(g, "ssl_max_protocol_version", &most);

    if (from == 0 || to == 0 || from <= to) return;
    libpq_problem(g, least.where, "is above ssl_max_protocol_version");
}

static void libpq_judge(struct libpq_given *g)
{
    struct libpq_source mode = {.value = SLICE_NONE};
    struct libpq_source service;

    /* What a service's file says goes before the environment, and only libpq knows which file that is. */
    if (libpq_source(g, "service", &service)) return;
    (void)libpq_source(g, "sslmode", &mode);
    for (size_t i = 0; i < countof(libpq_rows); i++) {
        if (libpq_rows[i].variable != NULL) libpq_check_variable(g, &libpq_rows[i]);
        if (libpq_rows[i].kind == LIBPQ_FILE && !slice_is(mode.value, "disable")) libpq_check_file(g, &libpq_rows[i]);
    }
    libpq_check_versions(g);
}

static struct conf_target libpq_served(const struct conf *conf)
{
    return (struct conf_target){"DATABASE_URL", conf->database.url, conf->state->arena};
}

static struct conf_target libpq_owned(const struct conf *conf)
{
    return (struct conf_target){conf->migrations.url_setting, conf->migrations.url, conf->state->owners};
}

int conf_judge_database(const struct conf *conf, const char *const *environ_list, struct error *err)
{
    struct libpq_given g = {.target = libpq_served(conf), .environ_list = environ_list};
    int result = 0;

    libpq_judge(&g);
    if (conf->migrations.own_role && g.problems.len == 0) {
        g.target = libpq_owned(conf);
        libpq_judge(&g);
    }
    if (g.problems.len > 0) result = error_set(err, ERROR_SETTINGS, "%s", buf_cstr(&g.problems));
    buf_clear(&g.problems);
    return result;
}

static size_t libpq_add_files(struct libpq_given *g, const char *paths[CONF_DATABASE_FILES_MAX], size_t count)
{
    struct libpq_source mode = {.value = SLICE_NONE};
    struct libpq_source service;
    const bool has_service = libpq_source(g, "service", &service);

    (void)libpq_source(g, "sslmode", &mode);
    for (size_t i = 0; i < countof(libpq_rows) && count < CONF_DATABASE_FILES_MAX; i++) {
        const struct libpq_row *row = &libpq_rows[i];
        const bool is_tls = row->kind == LIBPQ_FILE && !slice_is(mode.value, "disable");
        struct libpq_source source;

        if (!is_tls && strcmp(row->name, "passfile") != 0 && !(has_service && strcmp(row->name, "servicefile") == 0))
            continue;
        if (!libpq_source(g, row->name, &source) || source.value.len == 0) continue;
        if (memchr(source.value.data, ':', source.value.len) != NULL || libpq_is_system(row, source.value)) continue;
        paths[count++] = arena_copy(g->target.arena, source.value).data;
    }
    return count;
}

size_t conf_database_files(const struct conf *conf, const char *const *environ_list,
                           const char *paths[CONF_DATABASE_FILES_MAX])
{
    struct libpq_given g = {.target = libpq_served(conf), .environ_list = environ_list};
    size_t count = libpq_add_files(&g, paths, 0);

    if (conf->migrations.own_role) {
        g.target = libpq_owned(conf);
        count = libpq_add_files(&g, paths, count);
    }
    return count;
}

/* ---- Files in the home of whoever connects, which libpq looks for if no other is named ---- */

static bool libpq_has(struct libpq_given *g, const char *name)
{
    struct libpq_source source;

    return libpq_source(g, name, &source) && source.value.len > 0;
}

static bool libpq_has_password(struct libpq_given *g)
{
    const struct slice url = slice_of(g->target.url);
    struct buf masked = {0};

    conf_database_mask(url, &masked);
    const bool has = !slice_eq(buf_slice(&masked), url);

    buf_clear(&masked);
    return has || libpq_has(g, "password");
}

/* In a home without these a connection is less safe than it was, or fails; with prefer, nobody counts on them. */
static bool libpq_wants_tls(struct libpq_given *g)
{
    struct libpq_source mode;

    return libpq_source(g, "sslmode", &mode) && (slice_is(mode.value, "require") || slice_is(mode.value, "verify-ca") ||
                                                 slice_is(mode.value, "verify-full"));
}

static bool libpq_wants(struct libpq_given *g, enum conf_home_file file)
{
    const bool has_service = libpq_has(g, "service");

    switch (file) {
    case CONF_HOME_SERVICES:
        return has_service && !libpq_has(g, "servicefile");
    case CONF_HOME_PASSWORDS: /* a service's file may say it too */
        return !has_service && !libpq_has_password(g) && !libpq_has(g, "passfile");
    case CONF_HOME_ROOTS:
        return !libpq_has(g, "sslrootcert") && libpq_wants_tls(g);
    case CONF_HOME_CERTIFICATE:
        return !libpq_has(g, "sslcert") && libpq_wants_tls(g);
    case CONF_HOME_FILE_COUNT:
        break;
    }
    return false;
}

const char *conf_home_file(const struct conf *conf, const char *const *environ_list, enum conf_home_file file)
{
    static const char *const names[CONF_HOME_FILE_COUNT] = {
        [CONF_HOME_SERVICES] = ".pg_service.conf",
        [CONF_HOME_PASSWORDS] = ".pgpass",
        [CONF_HOME_ROOTS] = ".postgresql/root.crt",
        [CONF_HOME_CERTIFICATE] = ".postgresql/postgresql.crt",
    };
    struct libpq_given g = {.target = libpq_served(conf), .environ_list = environ_list};
    bool wants = libpq_wants(&g, file);

    if (!wants && conf->migrations.own_role) {
        g.target = libpq_owned(conf);
        wants = libpq_wants(&g, file);
    }
    return wants ? names[file] : NULL;
}
