/* What the files of conf/ share, and no other room includes. */
#ifndef CONF_INTERNAL_H
#define CONF_INTERNAL_H

#include "base/arena.h"
#include "base/slice.h"
#include "conf/conf.h"

enum conf_type {
    CONF_TYPE_TEXT,
    CONF_TYPE_PATH,
    CONF_TYPE_DATABASE_URL,
    CONF_TYPE_BOOLEAN,
    CONF_TYPE_CHOICE, /* its value is the place in the list of choices, as an enum's is */
    CONF_TYPE_INTEGER,
    CONF_TYPE_DURATION,
    CONF_TYPE_SIZE,
    CONF_TYPE_ADDRESSES,
    CONF_TYPE_URL_PATH, /* NULL: off */
    CONF_TYPE_SHARE,    /* enum conf_share, or millionths */
    CONF_TYPE_ORIGINS,
    CONF_TYPE_HOSTS,
};

/* One row of the table. */
struct conf_setting {
    const char *name;
    enum conf_type type;
    size_t offset;            /* in struct conf_state; its C type follows from `type` */
    const char *default_text; /* "" where it is computed, or is none */
    uint64_t min, max;        /* milliseconds, bytes or units */
    const char *choices;      /* "production, development" */
    const char *choices_info; /* "one of production, development" */
    const char *help;
    bool secret;
    bool file_variant;
    bool reloadable;
    bool outside_file;    /* cannot stand in the settings file */
    bool empty_is_absent; /* an empty value counts as none given, as Compose's ${NAME:-} makes them */
    bool may_be_none;     /* address lists: "off" or empty; paths: empty */
};

/* Indexes of the rows that code knows by name. */
enum conf_index {
    CONF_DATABASE_URL,
    CONF_POSTGRES_HOST,
    CONF_POSTGRES_PORT,
    CONF_POSTGRES_DB,
    CONF_POSTGRES_USER,
    CONF_POSTGRES_PASSWORD,
    CONF_CONFIG,
    CONF_LISTEN,
    CONF_ADMIN_LISTEN,
    CONF_WORKERS,
    CONF_MIGRATIONS_DIR,
    CONF_DOCS_DIR,
    CONF_OTHERS, /* the rows from here on are not known by name */
};

enum { CONF_SETTINGS_MAX = 64 };

/* Where a setting's value came from. */
struct conf_origin {
    const char *where;     /* "environment", "--set", "/etc/stratslab/stratslabd.conf:3"; NULL: the default */
    const char *file_path; /* where NAME_FILE gave it; else NULL */
};

/* The pieces that DATABASE_URL is made from where it is not given. */
struct conf_database_pieces {
    const char *given_url; /* "" where there is none */
    const char *host;
    unsigned port;
    const char *name;
    const char *user;
    const char *password; /* "" is none */
};

struct conf_state {
    struct conf conf;
    struct conf_database_pieces database;
    struct conf_origin origins[CONF_SETTINGS_MAX];
    struct arena *arena; /* all strings */
};

/* table.c */
extern const struct conf_setting conf_table[];
/* -1 where there is none. */
int conf_find(struct slice name);
/* The known name nearest to a misspelt one; NULL where none is near. */
const char *conf_suggest(struct slice name);

/* value.c: text to value and back. On failure `why` gets a phrase that follows the setting's name. */
bool conf_value_set(struct conf_state *state, const struct conf_setting *setting, struct slice text,
                    struct buf *why) ATTR_CHECKED;
void conf_value_default(struct conf_state *state, const struct conf_setting *setting);
void conf_value_print(const struct conf_state *state, const struct conf_setting *setting, struct buf *out);
/* " from 1 to 256", with units; nothing for types without a range. */
void conf_range_print(const struct conf_setting *setting, struct buf *out);
const char *conf_type_text(const struct conf_setting *setting);
/* `text` in quotes, control characters escaped, cut when long. */
void conf_quote(struct slice text, struct buf *out);

/* address.c */
bool conf_addresses_parse(struct arena *arena, struct slice text, struct conf_addresses *ret_addresses,
                          struct buf *why) ATTR_CHECKED;

/* A name, or an IPv4 address: what looks like one has to be one. */
bool conf_host_is_valid(const char *host);
/* An IPv6 address in its one spelling; NULL where it is none. */
const char *conf_v6_canonical(struct arena *arena, struct slice host);
/* Cuts the next word off a list, whose separators are commas and spaces; false at its end. */
bool conf_item_next(struct slice *list, struct slice *ret_word);

/* names.c: lists that may be empty */
bool conf_origins_parse(struct arena *arena, struct slice text, struct conf_names *ret_names,
                        struct buf *why) ATTR_CHECKED;
bool conf_hosts_parse(struct arena *arena, struct slice text, struct conf_names *ret_names,
                      struct buf *why) ATTR_CHECKED;

/* file.c */
struct conf_line {
    unsigned number;
    struct slice name;
    struct slice value;
    const char *problem; /* then there is neither name nor value; NULL where the line is fine */
};

struct conf_lines {
    struct conf_line *items;
    size_t count;
};

bool conf_file_read(struct arena *arena, const char *path, struct slice *ret_text, int *ret_errno) ATTR_CHECKED;
void conf_file_parse(struct arena *arena, struct slice text, struct conf_lines *ret_lines);

/* database.c */
bool conf_database_check(struct slice url, struct buf *why) ATTR_CHECKED;
void conf_database_resolve(struct conf_state *state);
/* The URL or keyword string with passwords as "***". */
void conf_database_mask(struct slice url, struct buf *out);

#endif
