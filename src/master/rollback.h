/* The way back for a master that a reload has started and that crashes before the reload is over. */
#ifndef MASTER_ROLLBACK_H
#define MASTER_ROLLBACK_H

struct master;

/* From now on a crash of this process goes back to the executable before it, which takes the service over. */
void rollback_arm(struct master *m);
/* The state has been taken over: what is given back is what is true now, not what was handed in. */
void rollback_resumed(void);
/* The reload is over; or this is a child, who has nothing to give back. */
void rollback_disarm(void);
/* Goes back at once. Returns where that is impossible, or nothing is armed. */
void rollback_now(const char *reason);

#endif
