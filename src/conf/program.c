/* The programs, and what a row is for each of them. */
#include "conf/internal.h"

const char *conf_program_name(enum conf_program program)
{
    static const char *const names[] = {[CONF_STRATSLABD] = "stratslabd", [CONF_BACKTESTD] = "backtestd"};

    return names[program];
}

const char *conf_help(const struct conf_setting *setting, enum conf_program program)
{
    return setting->help_of[program] != NULL ? setting->help_of[program] : setting->help;
}
