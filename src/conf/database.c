/*
 * The database's address: made from its pieces, or given as libpq's URI or keyword string. The parsing here is no more
 * than what checking, masking and a label for people need; libpq has the last word (its manual, "Connection Strings").
 */
#include <stdio.h>

#include "base/number.h"
#include "base/percent.h"
#include "conf/internal.h"

enum { CONF_URL_BYTES = 4096 };

/* The parts of a URI, as written. */
struct conf_uri {
    struct slice scheme; /* without the driver */
    struct slice user;   /* absent if there is none; so for the others */
    struct slice password;
    struct slice hosts; /* "a:5432,[::1]" */
    struct slice name;
    struct slice query;
};

/* One word of a keyword string. */
struct conf_word {
    struct slice key;
    struct slice value; /* unquoted; in the buffer that the caller gave */
};

static bool conf_is_secret_key(struct slice key)
{
    return memmem(key.data, key.len, "password", strlen("password")) != NULL;
}

/* False if a % is not followed by two hexadecimal digits, or stands for NUL. `out` may be NULL. */
static bool conf_percent_decode(struct slice text, struct buf *out)
{
    while (text.len > 0) {
        char c;

        if (!percent_next(&text, &c) || c == '\0') return false;
        if (out != NULL) buf_add_char(out, c);
    }
    return true;
}

/* All but the unreserved characters of RFC 3986 section 2.3, and those in `also`. */
static void conf_percent_encode(struct slice text, const char *also, struct buf *out)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (size_t i = 0; i < text.len; i++) {
        if (strchr(unreserved, text.data[i]) != NULL || strchr(also, text.data[i]) != NULL) {
            buf_add_char(out, text.data[i]);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)text.data[i]);
        }
    }
}

/* A scheme and "://" at the beginning; absent if there is none. */
static struct slice conf_uri_scheme(struct slice text)
{
    const char *end = text.len == 0 ? NULL : memmem(text.data, text.len, "://", 3);
    struct slice scheme = {text.data, end == NULL ? 0 : (size_t)(end - text.data)};

    for (size_t i = 0; i < scheme.len; i++) {
        if (strchr(" \t='\"/", scheme.data[i]) != NULL) return SLICE_NONE;
    }
    return end == NULL ? SLICE_NONE : scheme;
}

/* Splits as libpq does: the user's part ends at the first @ that comes before any slash. */
static struct conf_uri conf_uri_split(struct slice text)
{
    struct conf_uri uri = {.scheme = conf_uri_scheme(text)};
    struct slice rest = {text.data + uri.scheme.len + 3, text.len - uri.scheme.len - 3};
    const char *slash = memchr(rest.data, '/', rest.len);
    const char *at = memchr(rest.data, '@', slash == NULL ? rest.len : (size_t)(slash - rest.data));
    size_t end = 0;

    uri.scheme = slice_cut(&(struct slice){uri.scheme.data, uri.scheme.len}, '+');
    if (at != NULL) {
        uri.password = (struct slice){rest.data, (size_t)(at - rest.data)};
        uri.user = slice_cut(&uri.password, ':');
        rest.len -= (size_t)(at + 1 - rest.data);
        rest.data = at + 1;
    }
    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?') end++;
    uri.hosts = (struct slice){rest.data, end};
    rest.data += end, rest.len -= end;
    uri.query = rest;
    uri.name = slice_cut(&uri.query, '?');
    if (uri.name.len > 0) uri.name.data++, uri.name.len--; /* its slash */
    return uri;
}

static bool conf_has_at(struct slice text)
{
    return text.len > 0 && memchr(text.data, '@', text.len) != NULL;
}

static bool conf_port_is_valid(struct slice text)
{
    uint64_t port;

    return text.len == 0 || (number_parse_u64(text, &port) && port >= 1 && port <= UINT16_MAX);
}

static bool conf_hosts_are_valid(struct slice hosts)
{
    while (hosts.data != NULL) {
        struct slice host = slice_cut(&hosts, ',');
        struct slice port = host;

        if (memchr(host.data, '@', host.len) != NULL) return false;
        if (host.len > 0 && host.data[0] == '[') {
            (void)slice_cut(&port, ']');
            if (port.data == NULL) return false;
            if (port.len > 0 && port.data[0] != ':') return false;
        }
        (void)slice_cut(&port, ':');
        if (port.data != NULL && !conf_port_is_valid(port)) return false;
    }
    return true;
}

/* The next name and value of a URI's query, decoded into `name` and `value`. False at its end, before which a "?" or
 * "&" may stand, as for libpq; *ret_is_pair is false if there is no "=". */
static bool conf_query_next(struct slice *query, struct buf *name, struct buf *value, bool *ret_is_pair)
{
    if (query->len == 0) return false;

    struct slice raw_value = slice_cut(query, '&');
    const struct slice raw_name = slice_cut(&raw_value, '=');

    buf_reset(name);
    buf_reset(value);
    *ret_is_pair =
        raw_value.data != NULL && conf_percent_decode(raw_name, name) && conf_percent_decode(raw_value, value);
    return true;
}

/* "ssl=true", which libpq takes in a URI for the sake of JDBC. */
static bool conf_is_jdbc_ssl(const struct buf *name, const struct buf *value)
{
    return slice_is(buf_slice(name), "ssl") && slice_is(buf_slice(value), "true");
}

static bool conf_query_check(struct slice query, struct buf *why)
{
    struct buf name = {0}, value = {0};
    bool is_pair = true, ok = true;

    while (ok) {
        struct slice rest = query;
        struct slice raw = slice_cut(&rest, '&');

        if (!conf_query_next(&query, &name, &value, &is_pair)) break;
        (void)slice_cut(&raw, '=');
        if (is_pair && raw.data != NULL && memchr(raw.data, '=', raw.len) != NULL) { /* libpq takes no second one */
            buf_add_str(why, "its parameter ");
            conf_quote(buf_slice(&name), why);
            buf_add_str(why, " has a second = (in a value it is written %3D, and a space %20)");
            ok = false;
            break;
        }
        ok = is_pair && (conf_is_jdbc_ssl(&name, &value) ||
                         conf_libpq_check(buf_slice(&name), buf_slice(&value), "parameter", why));
    }
    if (!is_pair) buf_add_str(why, "what follows its ? is not name=value, with a & between two of them");
    buf_clear(&name);
    buf_burn(&value);
    return ok;
}

static bool conf_uri_check(struct slice text, struct buf *why)
{
    struct slice scheme = conf_uri_scheme(text);
    struct slice driver = scheme;
    struct slice name = slice_cut(&driver, '+');

    if (!slice_is(name, "postgresql") && !slice_is(name, "postgres")) {
        buf_add_str(why, "its scheme is neither postgresql:// nor postgres://");
        return false;
    }
    if (driver.data != NULL && driver.len == 0) {
        buf_add_str(why, "its scheme has no driver after the +");
        return false;
    }

    struct conf_uri uri = conf_uri_split(text);

    /* A slash or an @ of a password that was not encoded would end up in the host's or the database's name, and be
     * shown there. */
    if (!conf_hosts_are_valid(uri.hosts) || (uri.user.data == NULL && uri.hosts.len > 0 && conf_has_at(uri.query)) ||
        (uri.user.data == NULL && conf_has_at(uri.name))) {
        buf_add_str(why, "what follows its user is not host:port (in a user or password, characters such as "
                         "/ ? # : @ are written %2F %3F %23 %3A %40)");
        return false;
    }
    if (!conf_percent_decode(text, NULL)) {
        buf_add_str(why, "a % in it is not followed by two hexadecimal digits, or makes a NUL (% itself is %25)");
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] > ' ' && text.data[i] != 0x7f) continue;
        buf_add_str(why, "it holds a space or a control character (write it as % and two hexadecimal digits)");
        return false;
    }
    return conf_query_check(uri.query, why);
}

static bool conf_is_space(char c)
{
    return c != '\0' && strchr(" \t\r\n\v\f", c) != NULL;
}

static void conf_skip_space(struct slice *rest)
{
    while (rest->len > 0 && conf_is_space(rest->data[0])) rest->data++, rest->len--;
}

/* Takes the next key = value off `rest`. False at the end and if it is malformed (then rest->len > 0). */
static bool conf_word_next(struct slice *rest, struct buf *value, struct conf_word *ret_word)
{
    struct slice at = *rest;
    struct slice key;
    bool quoted;

    conf_skip_space(&at);
    if (at.len == 0) {
        *rest = at;
        return false;
    }
    key = (struct slice){at.data, 0};
    while (at.len > 0 && at.data[0] != '=' && !conf_is_space(at.data[0])) at.data++, at.len--, key.len++;
    conf_skip_space(&at);
    if (key.len == 0 || at.len == 0 || at.data[0] != '=') return false;
    at.data++, at.len--;
    conf_skip_space(&at);
    buf_reset(value);
    quoted = at.len > 0 && at.data[0] == '\'';
    if (quoted) at.data++, at.len--;
    while (at.len > 0 && (quoted ? at.data[0] != '\'' : !conf_is_space(at.data[0]))) {
        if (at.data[0] == '\\' && at.len > 1) at.data++, at.len--;
        buf_add_char(value, at.data[0]);
        at.data++, at.len--;
    }
    if (quoted && at.len == 0) return false;
    if (quoted) at.data++, at.len--;
    *ret_word = (struct conf_word){key, buf_slice(value)};
    *rest = at;
    return true;
}

static bool conf_is_key(struct slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        const char c = key.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

/* Behind a password, a keyword that nobody knows may be a part of it. */
static bool conf_word_check(const struct conf_word *word, bool behind_secret, struct buf *why)
{
    struct buf reason = {0};
    const bool ok = conf_libpq_check(word->key, word->value, "keyword", &reason);

    if (!ok && behind_secret) {
        buf_add_str(why,
                    "a keyword behind its password is not one that PostgreSQL's client library takes, or its value "
                    "is not (a password with spaces stands in single quotes)");
    } else if (!ok) {
        buf_add_slice(why, buf_slice(&reason));
    }
    buf_clear(&reason);
    return ok;
}

static bool conf_words_check(struct slice text, struct buf *why)
{
    struct buf value = {0};
    struct conf_word word;
    bool is_words = true, is_known = true;

    for (bool secret = false; is_words && is_known && conf_word_next(&text, &value, &word);) {
        is_words = conf_is_key(word.key);
        is_known = !is_words || conf_word_check(&word, secret, why);
        secret = secret || conf_is_secret_key(word.key);
    }
    buf_burn(&value);
    if (!is_known || (is_words && text.len == 0)) return is_known;
    buf_add_str(why,
                "it is neither a postgresql:// URL nor a string of keywords and values such as host=... dbname=...");
    return false;
}

bool conf_database_check(struct slice url, struct buf *why)
{
    return conf_uri_scheme(url).data != NULL ? conf_uri_check(url, why) : conf_words_check(url, why);
}

static void conf_query_mask(struct slice query, struct buf *out)
{
    struct buf key = {0};

    buf_add_char(out, '?');
    while (query.data != NULL) {
        struct slice value = slice_cut(&query, '&');
        struct slice name = slice_cut(&value, '=');

        buf_reset(&key);
        buf_add_slice(out, name);
        if (value.data != NULL) {
            bool secret = !conf_percent_decode(name, &key) || conf_is_secret_key(buf_slice(&key));

            buf_add_char(out, '=');
            buf_add_slice(out, secret ? SLICE_LIT("***") : value);
        }
        if (query.data != NULL) buf_add_char(out, '&');
    }
    buf_clear(&key);
}

static void conf_uri_mask(struct slice text, struct buf *out)
{
    struct conf_uri uri = conf_uri_split(text);

    buf_add_slice(out, uri.scheme);
    buf_add_str(out, "://");
    buf_add_slice(out, uri.user);
    if (uri.password.data != NULL) buf_add_str(out, uri.password.len > 0 ? ":***" : ":");
    if (uri.user.data != NULL) buf_add_char(out, '@');
    buf_add_slice(out, uri.hosts);
    if (uri.name.data != NULL && uri.name.data > uri.hosts.data + uri.hosts.len) {
        buf_add_char(out, '/');
        buf_add_slice(out, uri.name);
    }
    if (uri.query.data != NULL) conf_query_mask(uri.query, out);
}

/* libpq expands a URL that is given as dbname, with the password in it. */
static bool conf_word_is_secret(const struct conf_word *word)
{
    return conf_is_secret_key(word->key) || memmem(word->value.data, word->value.len, "://", 3) != NULL;
}

static void conf_word_print(const struct conf_word *word, struct buf *out)
{
    bool quoted = word->value.len == 0;

    buf_printf(out, "%.*s=", SLICE_FMT(word->key));
    if (conf_word_is_secret(word)) {
        buf_add_str(out, "***");
        return;
    }
    for (size_t i = 0; i < word->value.len; i++) {
        quoted = quoted || conf_is_space(word->value.data[i]) || strchr("'\\", word->value.data[i]) != NULL;
    }
    if (quoted) buf_add_char(out, '\'');
    for (size_t i = 0; i < word->value.len; i++) {
        if (strchr("'\\", word->value.data[i]) != NULL) buf_add_char(out, '\\');
        buf_add_char(out, word->value.data[i]);
    }
    if (quoted) buf_add_char(out, '\'');
}

void conf_database_mask(struct slice url, struct buf *out)
{
    struct buf value = {0};
    struct conf_word word;

    if (url.len > 0 && conf_uri_scheme(url).data != NULL) {
        conf_uri_mask(url, out);
        return;
    }
    for (bool first = true; conf_word_next(&url, &value, &word); first = false) {
        if (!first) buf_add_char(out, ' ');
        conf_word_print(&word, out);
    }
    buf_burn(&value);
}

struct conf_resolved {
    const char *url;
    const char *label;
};

/* "user@hosts/name", of what is there. */
static const char *conf_label(struct arena *arena, struct slice user, struct slice hosts, struct slice name)
{
    return arena_printf(arena, "%.*s%s%.*s%s%.*s", SLICE_FMT(user), user.len > 0 ? "@" : "",
                        SLICE_FMT(hosts.len > 0 ? hosts : SLICE_LIT("local")), name.len > 0 ? "/" : "",
                        SLICE_FMT(name));
}

static struct slice conf_decoded(struct arena *arena, struct slice text)
{
    struct buf decoded = {0};
    struct slice copy;

    (void)conf_percent_decode(text, &decoded); /* it was checked */
    copy = arena_copy(arena, decoded.len == 0 ? SLICE_LIT("") : buf_slice(&decoded));
    buf_burn(&decoded);
    return copy;
}

static struct conf_resolved conf_resolve_uri(struct arena *arena, struct slice url)
{
    struct conf_uri uri = conf_uri_split(url);
    struct slice rest = conf_uri_scheme(url);

    rest = (struct slice){rest.data + rest.len, url.len - rest.len};
    return (struct conf_resolved){
        arena_printf(arena, "%.*s%.*s", SLICE_FMT(uri.scheme), SLICE_FMT(rest)),
        conf_label(arena, conf_decoded(arena, uri.user), conf_decoded(arena, uri.hosts), conf_decoded(arena, uri.name)),
    };
}

static struct conf_resolved conf_resolve_words(struct arena *arena, struct slice url)
{
    struct conf_resolved resolved = {.url = arena_copy(arena, url).data};
    struct slice host = SLICE_NONE, port = SLICE_NONE, user = SLICE_NONE, name = SLICE_NONE;
    const struct {
        const char *key;
        struct slice *ret;
    } wanted[] = {{"hostaddr", &host}, {"host", &host}, {"port", &port}, {"user", &user}, {"dbname", &name}};
    struct buf value = {0};
    struct conf_word word;

    while (conf_word_next(&url, &value, &word)) {
        if (conf_word_is_secret(&word)) continue;
        for (size_t i = 0; i < countof(wanted); i++) {
            if (slice_is(word.key, wanted[i].key) && word.value.len > 0) *wanted[i].ret = arena_copy(arena, word.value);
        }
    }
    if (host.len > 0 && port.len > 0) {
        host = slice_of(arena_printf(arena, "%.*s:%.*s", SLICE_FMT(host), SLICE_FMT(port)));
    }
    resolved.label = conf_label(arena, user, host, name);
    buf_burn(&value);
    return resolved;
}

/* An IPv6 address, with or without its brackets: its inside. Else absent. */
static struct slice conf_v6_inside(struct slice host)
{
    bool bracketed = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

    if (bracketed) return (struct slice){host.data + 1, host.len - 2};
    return host.len > 0 && host.data[0] != '/' && memchr(host.data, ':', host.len) != NULL ? host : SLICE_NONE;
}

static struct conf_resolved conf_resolve_parts(const struct conf_database_pieces *database, const char *user,
                                               const char *password, struct arena *arena)
{
    struct conf_resolved resolved;
    struct slice host = slice_of(database->host);
    struct slice v6 = conf_v6_inside(host);
    struct buf url = {0}, hosts = {0};

    (void)buf_reserve(&url, CONF_URL_BYTES); /* growing would leave pieces of it behind */
    buf_add_str(&url, "postgresql://");
    conf_percent_encode(slice_of(user), "", &url);
    if (password[0] != '\0') {
        buf_add_char(&url, ':');
        conf_percent_encode(slice_of(password), "", &url);
    }
    buf_add_char(&url, '@');
    if (v6.data != NULL) {
        buf_add_char(&url, '[');
        conf_percent_encode(v6, ":", &url);
        buf_add_char(&url, ']');
        buf_printf(&hosts, "[%.*s]:%u", SLICE_FMT(v6), database->port);
    } else {
        conf_percent_encode(host, "", &url);
        buf_printf(&hosts, "%s:%u", database->host, database->port);
    }
    buf_printf(&url, ":%u/", database->port);
    conf_percent_encode(slice_of(database->name), "", &url);
    resolved = (struct conf_resolved){
        arena_copy(arena, buf_slice(&url)).data,
        conf_label(arena, slice_of(user), buf_slice(&hosts), slice_of(database->name)),
    };
    buf_burn(&url);
    buf_clear(&hosts);
    return resolved;
}

static struct conf_resolved conf_resolve_given(struct arena *arena, struct slice url)
{
    return conf_uri_scheme(url).data != NULL ? conf_resolve_uri(arena, url) : conf_resolve_words(arena, url);
}

static void conf_resolve_owner(struct conf_state *state)
{
    const struct conf_database_pieces *database = &state->database;
    struct conf_migrations *migrations = &state->conf.migrations;
    struct conf_resolved resolved = {state->conf.database.url, state->conf.database.label};

    migrations->url_setting = "DATABASE_URL";
    if (database->migrate.given_url[0] != '\0') {
        migrations->url_setting = "MIGRATE_DATABASE_URL";
        resolved = conf_resolve_given(state->owners, slice_of(database->migrate.given_url));
    } else if (database->migrate.user[0] != '\0' && database->given_url[0] == '\0') {
        migrations->url_setting = "MIGRATE_POSTGRES_USER";
        resolved = conf_resolve_parts(database, database->migrate.user, database->migrate.password, state->owners);
    }
    migrations->own_role = resolved.url != state->conf.database.url;
    migrations->url = resolved.url;
    /* It is shown, and so kept. */
    migrations->label = arena_copy(state->arena, slice_of(resolved.label)).data;
}

void conf_database_resolve(struct conf_state *state)
{
    const struct conf_database_pieces *database = &state->database;
    const struct slice url = slice_of(database->given_url);
    const struct conf_resolved resolved =
        url.len == 0 ? conf_resolve_parts(database, database->user, database->password, state->arena)
                     : conf_resolve_given(state->arena, url);

    state->conf.database.url = resolved.url;
    state->conf.database.label = resolved.label;
    conf_resolve_owner(state);
}

/* Whether each host has a port of its own. */
static bool conf_hosts_have_ports(struct slice hosts)
{
    while (hosts.data != NULL) {
        struct slice port = slice_cut(&hosts, ',');

        if (port.len > 0 && port.data[0] == '[') (void)slice_cut(&port, ']');
        (void)slice_cut(&port, ':');
        if (port.len == 0) return false;
    }
    return true;
}

static bool conf_uri_parameter(struct arena *arena, struct slice url, const char *name, struct slice *ret_value)
{
    struct conf_uri uri = conf_uri_split(url);
    struct buf key = {0}, value = {0};
    bool found = false, is_pair;

    if (strcmp(name, "port") == 0 && uri.hosts.len > 0 && conf_hosts_have_ports(uri.hosts)) {
        *ret_value = SLICE_LIT("");
        found = true;
    }
    while (conf_query_next(&uri.query, &key, &value, &is_pair)) { /* the last one counts */
        const bool jdbc = conf_is_jdbc_ssl(&key, &value) && strcmp(name, "sslmode") == 0;

        if (!jdbc && !slice_is(buf_slice(&key), name)) continue;
        *ret_value =
            jdbc ? SLICE_LIT("require") : arena_copy(arena, value.len == 0 ? SLICE_LIT("") : buf_slice(&value));
        found = true;
    }
    buf_clear(&key);
    buf_burn(&value);
    return found;
}

bool conf_database_parameter(const struct conf_target *target, const char *name, struct slice *ret_value)
{
    struct slice url = slice_of(target->url);
    struct buf value = {0};
    struct conf_word word;
    bool found = false;

    if (conf_uri_scheme(url).data != NULL) return conf_uri_parameter(target->arena, url, name, ret_value);
    while (conf_word_next(&url, &value, &word)) {
        if (!slice_is(word.key, name)) continue;
        *ret_value = arena_copy(target->arena, word.value.len == 0 ? SLICE_LIT("") : word.value);
        found = true;
    }
    buf_burn(&value);
    return found;
}
