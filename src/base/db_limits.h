/*
 * The limits of a database session that are settings: conf/ reads them into this struct and db/ takes it as it is. A
 * new one takes a member here, a row in conf/table.c, and its use in db/.
 */
#ifndef BASE_DB_LIMITS_H
#define BASE_DB_LIMITS_H

/* Times are milliseconds. */
struct db_limits {
    unsigned connect_timeout_ms; /* for one attempt */
    unsigned statement_timeout_ms;
    unsigned lock_timeout_ms;
    unsigned idle_in_transaction_timeout_ms;
    unsigned queue_max; /* queries in flight and waiting; past it DB_OVERLOADED */
};

#endif
