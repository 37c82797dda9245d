/*
 * A connection and the one exchange that it has at a time. Internal to http/.
 *
 * Only the event callbacks (a socket's, the sweep's, the wake's) run a connection, and only they free one; what a
 * handler calls (http_respond, http_server_drain) changes state and leaves the rest to them. So no pointer dies
 * under a handler, a hook or a cancel function.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "http/http.h"
#include "http/parse.h"

struct event;
struct http_conn;

enum conn_state {
    CONN_IDLE,      /* nothing of the next request has come */
    CONN_HEAD,      /* of a request some bytes have come */
    CONN_HELD,      /* the head is sane, and whether the request is admitted is decided later */
    CONN_ADMITTED,  /* it was; the rest of the head is to be decided */
    CONN_BODY,      /* the head was accepted */
    CONN_HANDLING,  /* the route's handler has the request */
    CONN_ANSWERED,  /* the answer is queued, the request not yet cleared away */
    CONN_CLOSING,   /* the last answer is queued; input is thrown away */
    CONN_LINGERING, /* our side is shut; input is thrown away until the client's is */
    CONN_GONE,      /* to be freed by whoever runs the connection */
    CONN_STATE_COUNT,
};

/* What a connection waits for the client to do. Each has one time-out, so a list in order of arrival is in order of
 * deadline, and looking at its first member is enough. */
enum conn_wait {
    WAIT_NOTHING,
    WAIT_IDLE,
    WAIT_HEAD,
    WAIT_BODY,
    WAIT_GRACE,  /* for the first byte of a connection that was accepted just before a drain */
    WAIT_LINGER, /* for the client to close */
    WAIT_COUNT,
};

enum { REQUEST_ID_MAX = 128, PEER_BYTES = INET6_ADDRSTRLEN + 9 };

struct http_exchange {
    struct http_conn *conn;
    struct http_head head;
    enum http_method method;
    bool method_known;
    bool begun; /* counted as in flight: from its first byte to its answer */
    const struct http_route *route;
    struct slice authority; /* of the target; absent if that is only a path */
    struct slice params[HTTP_PATH_PARAMS_MAX];
    unsigned param_count;
    struct slice query;
    struct slice media_type;
    struct slice body;
    struct slice request_id;
    struct slice client;
    struct client_id client_id; /* nobody: not set */
    struct slice client_key;
    char request_id_made[32];
    bool keep_alive;
    bool complete;     /* the whole request was read */
    bool caching_said; /* the answer has its Cache-Control */
    unsigned vary;     /* enum http_vary */
    uint64_t started_ns;
    size_t body_in_bytes;
    void (*cancel)(void *arg);
    void *cancel_arg;
    void (*next)(void *arg); /* in a later turn of the loop; NULL: none is due */
    void *next_arg;
};

struct http_conn {
    struct http_server *server;
    struct list link;        /* in the server's list of all */
    struct list ready_link;  /* to be run by the wake event */
    struct list wait_link;   /* in the server's list for `wait` */
    struct list stall_link;  /* output is waiting for the client */
    struct list unread_link; /* nobody reads, so only asking shows that the client is gone */
    int fd;
    enum conn_state state;
    enum conn_wait wait;
    bool wait_is_current; /* `wait` belongs to this request, not the one before it */
    bool fresh;           /* no byte has come since accept */
    bool running;         /* conn_run is on the stack */
    bool reading;         /* the read event is pending */
    bool writing;
    bool eof;         /* the client has shut its side */
    bool linger;      /* the client may still be sending: close in stages */
    bool reset;       /* close with a reset */
    bool turned_away; /* it has no place: places.c */
    bool displaced;   /* its place is wanted: it does not linger */
    bool over;        /* it got its place while memory had run out */
    unsigned empty_lines;
    uint64_t wait_until_ms;
    uint64_t stall_until_ms;
    size_t stall_sent;   /* since that was set */
    size_t linger_bytes; /* how much more is thrown away */
    struct event *read_event;
    struct event *write_event;
    struct event *later_event; /* NULL until an exchange asks for another turn */
    struct http_parser *parser;
    struct arena *arena;
    char *in; /* input: in_start..in_end is unparsed, or the current request and what follows it */
    size_t in_cap;
    size_t in_start;
    size_t in_end;
    size_t message_bytes; /* of the current request within `in` */
    struct buf body;      /* content that does not lie in `in` */
    struct buf fields;    /* the answer's own field lines */
    struct buf out;
    size_t out_sent;
    size_t counted;   /* of its memory, in the server's sum */
    uint64_t address; /* places.c */
    struct http_exchange x;
    char peer[PEER_BYTES];
};

/* Takes `fd`. */
struct http_conn *conn_new(struct http_server *server, int fd, const char *peer);
/* Cancels what is open. Not while the connection runs. */
void conn_free(struct http_conn *conn);
/* Does all that can be done now; may free the connection. */
void conn_run(struct http_conn *conn);
/* Reads once, then runs. May free the connection. */
void conn_read(struct http_conn *conn);
/* The current wait, or the write stall, is over. May free the connection. */
void conn_expire(struct http_conn *conn);
void conn_expire_stall(struct http_conn *conn);
/* An idle connection gives back what it keeps for its next answer. */
void conn_shed(struct http_conn *conn);
/* Answers 503 in place of waiting for the rest of the request. May free the connection. */
void conn_refuse_unfinished(struct http_conn *conn);
/* Frees the connection if its client is gone, which only matters while nobody reads. */
void conn_probe(struct http_conn *conn);

/* decide.c: everything that the head can decide. True: go on and read the body; false: answered, or held. */
bool conn_decide(struct http_conn *conn);
/* The rest of it, after a request that was held is admitted. */
bool conn_decide_admitted(struct http_conn *conn);
/* The body is there: false if it was answered instead of handed on. */
bool conn_decide_body(struct http_conn *conn);

/* respond.c */
/* Refuses what cannot be read to its end: the connection closes after it. */
void conn_fail(struct http_conn *conn, enum http_refusal_id why);
void conn_record(const struct http_conn *conn, unsigned status, size_t out_bytes, uint64_t now_ns,
                 struct http_record *ret_record);
/* Unique among processes. */
void conn_make_request_id(struct http_conn *conn);
/* Ends the request's count and calls the hook. */
void conn_end_exchange(struct http_conn *conn, unsigned status, size_t out_bytes);

static inline size_t conn_unsent(const struct http_conn *conn)
{
    return conn->out.len - conn->out_sent;
}

#endif
