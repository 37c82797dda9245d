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
    CONF_TYPE_NUMBER, /* in a unit, between two bounds */
    CONF_TYPE_ADDRESSES,
    CONF_TYPE_URL_PATH, /* NULL: off */
    CONF_TYPE_SHARE,    /* enum conf_share, or millionths */
    CONF_TYPE_ORIGINS,
    CONF_TYPE_HOSTS,
};

struct conf_state;

enum conf_unit { CONF_UNIT_ONE, CONF_UNIT_MS, CONF_UNIT_BYTE, CONF_UNIT_MODE };

/* One row of the table. What is from `type` to `choices_info` is written by the macros of row.h, which look at the
 * member. */
struct conf_setting {
    const char *name;
    enum conf_type type;
    size_t offset, width; /* in struct conf_state */
    enum conf_unit unit;  /* of numbers, and of their bounds */
    uint64_t min, max;
    const char *choices;      /* "production, development" */
    const char *choices_info; /* "one of production, development" */
    const char
        *defaults[CONF_PROGRAMS]; /* NULL: that program does not take it; "" if it is computed, or if there is none */
    /* The default if it depends on the machine, the build or other settings: a text, and *ret_why says what it was made
     * from (NULL: `help` says all). */
    const char *(*computed)(const struct conf_state *state, const struct conf_setting *setting, const char **ret_why);
    bool late; /* it depends on other settings: made once these are known */
    const char *help;
    const char *help_of[CONF_PROGRAMS]; /* if one program's differs; else NULL */
    bool secret;
    bool file_variant;
    bool reloadable;
    bool outside_file;    /* cannot stand in the settings file */
    bool empty_is_absent; /* an empty value counts as none given, as Compose's ${NAME:-} makes them */
    bool is_owners;       /* the tables' owner's: conf_forget_owner wipes it */
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
    CONF_MIGRATE_POSTGRES_USER,
    CONF_MIGRATE_POSTGRES_PASSWORD,
    CONF_MIGRATE_DATABASE_URL,
    CONF_CONFIG,
    CONF_NEWER_SETTINGS,
    CONF_LISTEN,
    CONF_ADMIN_LISTEN,
};

/* DATABASE_URL is used instead of these if it is given. */
static inline bool conf_is_database_part(size_t index)
{
    return index >= CONF_POSTGRES_HOST && index <= CONF_MIGRATE_POSTGRES_PASSWORD;
}

enum { CONF_SETTINGS_MAX = 80 };

/* Where a setting's value came from. */
struct conf_origin {
    const char *where;     /* "environment", "--set", "/etc/stratslab/stratslabd.conf:3"; NULL: the default */
    const char *file_path; /* where NAME_FILE gave it; else NULL */
    bool link;             /* the environment's was an orchestrator's, and passed over */
    const char *why;       /* what a computed default was made from; else NULL */
};

/* The pieces that DATABASE_URL is made from if it is not given. */
struct conf_database_pieces {
    const char *given_url; /* "" if there is none */
    const char *host;
    unsigned port;
    const char *name;
    const char *user;
    const char *password; /* "" is none */
    struct {
        const char *given_url; /* "" if there is none; so for the others */
        const char *user;
        const char *password;
    } migrate;
};

struct conf_state {
    struct conf conf;
    struct conf_database_pieces database;
    const char *newer_settings; /* names that this version may not know */
    struct conf_origin origins[CONF_SETTINGS_MAX];
    struct arena *arena;  /* all strings */
    struct arena *owners; /* but those of settings that are the owner's, and what is made from them */
};

/* program.c */
const char *conf_help(const struct conf_setting *setting, enum conf_program program);

/* table.c */
extern const struct conf_setting conf_table[];
/* -1 if there is none. */
int conf_find(struct slice name);
/* The known name nearest to a misspelt one; NULL if none is near. */
const char *conf_suggest(struct slice name);
/* The first row from `index` on that the program takes; conf_setting_count() after the last. */
size_t conf_next(enum conf_program program, size_t index);

/* defaults.c: for `computed` */
const char *conf_default_config(const struct conf_state *state, const struct conf_setting *setting,
                                const char **ret_why);
const char *conf_default_workers(const struct conf_state *state, const struct conf_setting *setting,
                                 const char **ret_why);
const char *conf_default_http_memory(const struct conf_state *state, const struct conf_setting *setting,
                                     const char **ret_why);
const char *conf_default_migrations_dir(const struct conf_state *state, const struct conf_setting *setting,
                                        const char **ret_why);
const char *conf_default_docs_dir(const struct conf_state *state, const struct conf_setting *setting,
                                  const char **ret_why);
const char *conf_default_ui_dir(const struct conf_state *state, const struct conf_setting *setting,
                                const char **ret_why);
/* What of so many bytes is for clients, in whole MiB. `is_own` is false if they are the machine's, which others use
 * too.
 */
uint64_t conf_share_of_memory(uint64_t bytes, bool is_own, unsigned workers, uint64_t body_bytes);
/* What a setting is before any source: its default, or that of the other program if this one does not take it (then
 * it listens nowhere). */
void conf_default_set(struct conf_state *state, const struct conf_setting *setting);

/* value.c: text to value and back. On failure `why` gets a phrase that follows the setting's name. */
bool conf_value_set(struct conf_state *state, const struct conf_setting *setting, struct slice text,
                    struct buf *why) ATTR_CHECKED;
void conf_value_print(const struct conf_state *state, const struct conf_setting *setting, struct buf *out);
/* " from 1 to 256", with units; nothing for types without a range. */
void conf_range_print(const struct conf_setting *setting, struct buf *out);
const char *conf_type_text(const struct conf_setting *setting);

/* refuse.c */
/* `text` in quotes, control characters escaped, cut when long. */
void conf_quote(struct slice text, struct buf *out);
/* "\"text\" reason" to `why`. */
void conf_refusal(struct slice text, const char *reason, struct buf *why);

/* The same, for a reader of values that ends with it. */
static inline bool conf_refuse(struct slice text, const char *reason, struct buf *why)
{
    conf_refusal(text, reason, why);
    return false;
}

/* address.c */
bool conf_addresses_parse(struct arena *arena, struct slice text, struct conf_addresses *ret_addresses,
                          struct buf *why) ATTR_CHECKED;

/* Whether both listen on the same address, as far as that is known without looking names up. */
bool conf_addresses_meet(const struct conf_address *a, const struct conf_address *b);

/* A name, or an IPv4 address: what looks like one has to be one. */
bool conf_host_is_valid(const char *host);
/* An IPv6 address in its one spelling; NULL if it is not one. */
const char *conf_v6_canonical(struct arena *arena, struct slice host);
/* Cuts the next word off a list, whose separators are commas and spaces; false at its end. */
bool conf_item_next(struct slice *list, struct slice *ret_word);

/* names.c: lists that may be empty */
bool conf_origins_parse(struct arena *arena, struct slice text, struct conf_names *ret_names,
                        struct buf *why) ATTR_CHECKED;
bool conf_hosts_parse(struct arena *arena, struct slice text, struct conf_names *ret_names,
                      struct buf *why) ATTR_CHECKED;

/* What allowed_hosts comes to, once all else is known. */
void conf_hosts_resolve(struct conf_state *state);

/* link.c */
/* Whether it is a variable that an orchestrator sets by itself. `environ_list` is where it is from. */
bool conf_is_link(struct slice name, struct slice value, const char *const *environ_list);

/* file.c */
struct conf_line {
    unsigned number;
    struct slice name;
    struct slice value;
    const char *problem; /* then there is neither name nor value; NULL if the line is fine */
};

struct conf_lines {
    struct conf_line *items;
    size_t count;
};

bool conf_file_read(struct arena *arena, const char *path, struct slice *ret_text, int *ret_errno) ATTR_CHECKED;
void conf_file_parse(struct arena *arena, struct slice text, struct conf_lines *ret_lines);

/* libpq.c */
/* A parameter of a connection string; `what` it is called: "parameter", "keyword". */
bool conf_libpq_check(struct slice name, struct slice value, const char *what, struct buf *why) ATTR_CHECKED;

/* Where the text of a setting is kept. */
static inline struct arena *conf_arena(const struct conf_state *state, const struct conf_setting *setting)
{
    return setting->is_owners ? state->owners : state->arena;
}

/* database.c */
/* A URL, or what is made from the pieces, and how people see it. */
struct conf_target {
    const char *setting; /* "DATABASE_URL", "MIGRATE_DATABASE_URL": whose it is */
    const char *url;
    struct arena *arena; /* of what is made from it */
};

bool conf_database_check(struct slice url, struct buf *why) ATTR_CHECKED;
void conf_database_resolve(struct conf_state *state);
/* A parameter of a connection string that conf_database_resolve has made: its value, decoded. False if it has none. */
bool conf_database_parameter(const struct conf_target *target, const char *name, struct slice *ret_value) ATTR_CHECKED;
/* The URL or keyword string with passwords as "***". */
void conf_database_mask(struct slice url, struct buf *out);

#endif
