#include "base/lookup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "test_base.h"

static atomic_bool hang, ended;
static atomic_bool blocked; /* whether SIGTERM is, in the thread */

static int resolve(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found)
{
    struct addrinfo numeric = *hints;
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGSEGV) == 0;
    while (hang) usleep(1000);
    numeric.ai_flags |= AI_NUMERICHOST;
    const int rc = strcmp(name, "one") == 0 ? getaddrinfo("192.0.2.1", service, &numeric, ret_found) : EAI_NONAME;

    ended = true;
    return rc;
}

static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};

static bool wait_for(const struct lookup *l, int ms)
{
    return poll(&(struct pollfd){.fd = lookup_fd(l), .events = POLLIN}, 1, ms) == 1;
}

static void test_found(void)
{
    struct lookup *l = lookup_start("one", "80", &hints, resolve);

    CU_ASSERT_FATAL(l != NULL);
    CU_ASSERT(wait_for(l, 30000));
    CU_ASSERT(lookup_is_done(l));
    UNIT_INT(lookup_status(l), 0);
    const struct sockaddr_in *at = (const struct sockaddr_in *)(const void *)lookup_found(l)->ai_addr;

    UNIT_INT(ntohl(at->sin_addr.s_addr), 0xC0000201);
    UNIT_INT(ntohs(at->sin_port), 80);
    CU_ASSERT(blocked);
    lookup_drop(l);
    l = lookup_start("none", NULL, &hints, resolve);
    CU_ASSERT(wait_for(l, 30000));
    UNIT_INT(lookup_status(l), EAI_NONAME);
    CU_ASSERT(lookup_found(l) == NULL);
    lookup_drop(l);
    lookup_drop(NULL);
}

/* The caller has gone: what is found is freed all the same (the sanitizers see it). */
static void test_dropped(void)
{
    hang = true;
    ended = false;
    struct lookup *l = lookup_start("one", NULL, &hints, resolve);

    CU_ASSERT(!wait_for(l, 20));
    CU_ASSERT(!lookup_is_done(l));
    lookup_drop(l);
    hang = false;
    for (int i = 0; i < 30000 && !ended; i++) usleep(1000);
    CU_ASSERT(ended);
}

static void test_within(void)
{
    static const char *const numbers[] = {"192.0.2.7", "::1", NULL};

    for (size_t i = 0; i < countof(numbers); i++) {
        const struct addrinfo any = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;

        UNIT_INT(lookup_within(numbers[i], "80", &any, 0, &found), 0);
        CU_ASSERT(found != NULL);
        freeaddrinfo(found);
    }
    UNIT_STR(lookup_strerror(LOOKUP_NO_ANSWER), "no answer from the name server in time");
    UNIT_STR(lookup_strerror(EAI_AGAIN), "no answer from the name server");
    UNIT_STR(lookup_strerror(EAI_NONAME), gai_strerror(EAI_NONAME));
}

static const struct unit_test tests[] = {UNIT_TEST(test_found), UNIT_TEST(test_dropped), UNIT_TEST(test_within)};
const struct unit_part lookup_tests = UNIT_PART(tests);
