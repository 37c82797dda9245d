/* What the files of this room share. Nobody else includes it. */
#ifndef PG_INTERNAL_H
#define PG_INTERNAL_H

#include <libpq-fe.h>

#include "base/buf.h"
#include "pg/pg.h"

enum {
    PG_HOSTS_MAX = 32,
    PG_ADDRESSES_MAX = 16,  /* of one name */
    PG_ADDRESS_BYTES = 64,  /* an IPv6 address with its scope */
    PG_TRIES_MAX = 64,      /* attempts of one pass */
    PG_LOOKUPS_MAX = 8,     /* look-ups that hang, at most */
    PG_TRY_LEAST_MS = 1000, /* for one address, whatever the others take */
    PG_KEPT_WAIT_MS = 1000, /* for the name server, if there are addresses from before */
};

struct pg_addresses {
    size_t count;
    char text[PG_ADDRESSES_MAX][PG_ADDRESS_BYTES];
};

/* One element of the lists in host, hostaddr and port. */
struct pg_host {
    char *name;               /* a name, an address, or the directory of a socket; NULL: libpq's default */
    char *address;            /* as given in hostaddr; NULL if it is not */
    char *port;               /* NULL: libpq's default */
    bool by_name;             /* its addresses have to be looked up */
    struct lookup *lookup;    /* under way, or NULL */
    bool was_late;            /* the look-up under way was begun in an earlier round */
    unsigned waited_ms;       /* how long it was when the name server became silent; 0: it is not */
    struct pg_addresses kept; /* what the name server said last */
    int status;               /* in this round: 0, or why there are no addresses; an EAI_ code or LOOKUP_NO_ANSWER */
    bool refused;             /* in this round: a server at one of its addresses */
};

/* Where a round is. */
enum pg_step { PG_STEP_NONE, PG_STEP_HOST, PG_STEP_ADDRESS, PG_STEP_ATTEMPT, PG_STEP_UP };

struct pg_words {
    size_t count;
    const char **keywords; /* as PQconnectStartParams takes them, with a NULL at the end; owned, their texts too */
    char **values;
};

struct pg_target {
    struct pg_words words; /* all but hosts, addresses, ports, and what belongs to the choice among them */
    size_t given;          /* how many of these words come from the connection string */
    char *refusal;
    bool balanced;           /* load_balance_hosts */
    bool knows_balancing;    /* libpq does */
    char *attributes;        /* target_session_attrs; NULL: libpq's default */
    unsigned longest_try_ms; /* connect_timeout; 0: none */
    struct pg_host *hosts;   /* owned */
    size_t host_count;
    void (*receive)(void *arg, const PGresult *notice);
    void *receive_arg;
    lookup_fn *resolve;

    enum pg_step step;
    unsigned pass;       /* 1: the second one of prefer-standby */
    unsigned timeout_ms; /* of the round */
    uint64_t round_until_ms;
    uint64_t until_ms;          /* of the look-up or attempt under way */
    unsigned try_ms;            /* how long that is */
    size_t order[PG_HOSTS_MAX]; /* of the hosts */
    size_t at;                  /* in it */
    struct pg_addresses tried;  /* of the host at hand; without any: one attempt without hostaddr */
    size_t tried_count;         /* attempts at the host at hand, of … */
    size_t tries;
    PGconn *conn;
    PostgresPollingStatusType want;
    struct buf said[PG_TRIES_MAX]; /* why attempts failed */
    size_t said_count;
    char reason[PG_REASON_BYTES];
};

/* target.c */
void pg_words_add(struct pg_words *w, const char *keyword, const char *value);
void pg_words_clear(struct pg_words *w);
bool pg_is_numeric(const char *host);

/* host.c */
/* Begins a look-up unless one is under way; takes the answer of one that is done. */
void pg_host_begin(struct pg_target *t, struct pg_host *host);
/* Whether there is no look-up to wait for. */
bool pg_host_known(struct pg_host *host);
/* How long the name server is waited for. */
unsigned pg_host_patience_ms(const struct pg_target *t, const struct pg_host *host, unsigned share_ms);
/* How many attempts it takes, as far as that is known. */
size_t pg_host_tries(const struct pg_host *host);
/* Into t->tried; false if there are none. */
bool pg_host_addresses(struct pg_target *t, struct pg_host *host);
/* This address took us: it is the first one to be tried if the name server is silent next time. */
void pg_host_prefer(struct pg_host *host, const char *address);
void pg_host_clear(struct pg_host *host);

/* reason.c */
void pg_say(struct pg_target *t, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* libpq's words about the attempt under way. */
void pg_say_conn(struct pg_target *t);
void pg_say_nothing(struct pg_target *t);
/* Composes t->reason. */
void pg_said(struct pg_target *t);
/* "2500ms", rounded, so that people see a figure that they know. */
void pg_duration(unsigned ms, char *out, size_t size);
/* Whether an error of connecting will come next time too, unless somebody mends something. */
bool pg_sqlstate_is_refusal(const char *sqlstate);

#endif
