/* The proxy's own side; tests use it through rig.h. */
#ifndef PROXY_H
#define PROXY_H

struct proxy;

void proxy_free(struct proxy *proxy); /* takes NULL */

#endif
