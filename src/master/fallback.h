/* The way back for a master that a reload has started and that crashes before the reload is over. */
#ifndef MASTER_FALLBACK_H
#define MASTER_FALLBACK_H

struct master;

/* From now on a crash of this process goes back to the executable before it, which takes the service over. */
void fallback_arm(struct master *m);
/* The state has been taken over: what is given back is what is true now, not what was handed in. */
void fallback_resumed(void);
/* The reload is over; or this is a child, who has nothing to give back. */
void fallback_disarm(void);
/* Goes back at once. Returns where that is impossible, or nothing is armed. */
void fallback_take(const char *reason);

#endif
