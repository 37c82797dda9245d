#include "base/title.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { TITLE_BYTES = 128 };

/* Where the kernel has put the arguments and, right behind them, the environment. */
static struct {
    char *begin; /* NULL: not known */
    char *args_end;
    char *end;
    /* The environment's other place, so that all of the room is free; NULL: it has none. Kept here, because the
     * environment forgets what is taken out of it. */
    char *strings;
    char **list;
} title;

/* The end of the strings of a list that lie one behind the other from `at` on. */
static char *title_follow(char *const *list, char *at)
{
    for (; *list != NULL && *list == at; list++) at += strlen(at) + 1;
    return at;
}

/* glibc calls constructors with what main gets. */
__attribute__((constructor)) static void title_find(int argc, char **argv, char **strings)
{
    if (argc < 1 || argv[0] == NULL) return;
    title.begin = argv[0];
    title.args_end = title_follow(argv, argv[0]);
    title.end = title_follow(strings, title.args_end);
}

/* The strings of the environment that lie in the room get other places. Code that got one of them by getenv(3) before
 * would have a pointer into the title; no caller of this does. */
static void title_move_environment(void)
{
    const size_t bytes = (size_t)(title.end - title.args_end);
    size_t count = 0;

    while (environ != NULL && environ[count] != NULL) count++;
    title.list = mem_array(count + 1, sizeof(char *));
    title.strings = mem_alloc(bytes + 1);
    memcpy(title.strings, title.args_end, bytes);
    for (size_t i = 0; i < count; i++) {
        const bool is_inside = environ[i] >= title.args_end && environ[i] < title.end;

        title.list[i] = is_inside ? title.strings + (environ[i] - title.args_end) : environ[i];
    }
    environ = title.list;
}

/* These point to argv[0]. */
static void title_keep_name(void)
{
    if (program_invocation_name < title.begin || program_invocation_name >= title.args_end) return;
    program_invocation_name = mem_strdup(program_invocation_name);
    program_invocation_short_name = strrchr(program_invocation_name, '/');
    program_invocation_short_name =
        program_invocation_short_name == NULL ? program_invocation_name : program_invocation_short_name + 1;
}

void title_set(const char *fmt, ...)
{
    char text[TITLE_BYTES];
    size_t room;
    size_t len;
    va_list ap;

    if (title.begin == NULL) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    title_keep_name();
    len = strlen(text);
    if (len >= (size_t)(title.args_end - title.begin) && title.strings == NULL) title_move_environment();
    room = (size_t)((title.strings != NULL ? title.end : title.args_end) - title.begin);
    if (len >= room) len = room - 1;
    /* What is left of the room is zeros: without one at the arguments' end the kernel would read on. */
    memset(title.begin, 0, room);
    memcpy(title.begin, text, len);
}
