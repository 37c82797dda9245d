/* What settings are before any source is read. */
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/internal.h"

static unsigned conf_processors(void)
{
    cpu_set_t set;
    long count;

    /* The call fails if the kernel knows more processors than the set holds. */
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        count = CPU_COUNT(&set);
    } else {
        count = sysconf(_SC_NPROCESSORS_ONLN);
    }
    return count < 1 ? 1 : (unsigned)count;
}

const char *conf_default_config(struct arena *arena, const struct conf_setting *setting, enum conf_program program)
{
    (void)setting;
    return arena_printf(arena, "%s/%s.conf", STRATSLAB_SYSCONFDIR, conf_program_name(program));
}

const char *conf_default_workers(struct arena *arena, const struct conf_setting *setting, enum conf_program program)
{
    const unsigned processors = conf_processors();

    (void)program;
    return arena_printf(arena, "%u", processors < setting->max ? processors : (unsigned)setting->max);
}

const char *conf_default_migrations_dir(struct arena *arena, const struct conf_setting *setting,
                                        enum conf_program program)
{
    (void)arena, (void)setting, (void)program;
    return STRATSLAB_MIGRATIONSDIR;
}

const char *conf_default_docs_dir(struct arena *arena, const struct conf_setting *setting, enum conf_program program)
{
    (void)arena, (void)setting, (void)program;
    return STRATSLAB_DOCSDIR;
}

void conf_default_set(struct conf_state *state, const struct conf_setting *setting)
{
    const enum conf_program program = state->conf.program;
    const bool taken = setting->defaults[program] != NULL;
    const char *text =
        setting->computed == NULL ? setting->defaults[program] : setting->computed(state->arena, setting, program);
    struct buf why = {0};

    if (!taken && setting->type == CONF_TYPE_ADDRESSES) return;
    for (unsigned other = 0; text == NULL && other < CONF_PROGRAMS; other++) text = setting->defaults[other];
    if (text == NULL || !conf_value_set(state, setting, slice_of(text), &why)) {
        abort(); /* a row without a default, or with one that it refuses itself */
    }
    buf_clear(&why);
}
