/* The way back for a master that a reload has started and that crashes before the reload is over. */
#ifndef MASTER_ROLLBACK_H
#define MASTER_ROLLBACK_H

struct master;

/* From now on, a crash of this process goes back to the executable before it, which takes the service over. */
void rollback_arm(struct master *m);
/* The state has been taken over: a rollback hands back the state of now, not the one that was handed in. */
void rollback_resumed(void);
/* The reload is over; or this process is a child, which has nothing to give back. */
void rollback_disarm(void);
/* Goes back at once. Returns if that is impossible, or if nothing is armed. */
void rollback_now(const char *reason);
/* "program: what; more" on standard error, without waiting for its reader: that must not hold up a rollback. */
void rollback_say(const char *program, const char *what, const char *more);

#endif
