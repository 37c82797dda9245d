/* Checks the program's table at the start: a mistake in it is an error in the first second, not a crash at the first
 * reload. */

#include <string.h>

#include "master/internal.h"

unsigned options_count_max(const struct master_role *role)
{
    return (role->has_cells ? SCOREBOARD_WORKERS_MAX : SCOREBOARD_OTHERS_MAX) / 2;
}

const struct master_role *options_serving_role(const struct children *children)
{
    const struct master_role *role = children->roles;

    while (!role->serves) role++; /* options_check has seen that there is one */
    return role;
}

static const char *options_role_fault(const struct master_options *options, const struct master_role *role)
{
    if (role->name == NULL || role->name[0] == '\0' || role->plural == NULL) return "has no name";
    if (strlen(role->name) >= MASTER_NAME_BYTES) return "has a name that is too long";
    if (role->run == NULL) return "has no function to run";
    if (role->count > options_count_max(role)) return "has more children than the scoreboard has room for";
    if (role->listen != NULL && (role->listen_setting == NULL || options->socket_access == NULL)) {
        return "listens, and does not say which setting says where, or whose its sockets are";
    }
    if (role->task && role->doing == NULL) return "is a task that does not say what it does";
    if (role->task && (role->serves || role->is_scaled)) return "is a task, which cannot serve or be scaled";
    for (const struct master_role *other = options->roles; other < role; other++) {
        if (strcmp(other->name, role->name) == 0) return "has the name of another role";
        if (other->has_cells && role->has_cells) return "has cells on the scoreboard, as another role has already";
    }
    return NULL;
}

int options_check(const struct master_options *options, struct error *err)
{
    unsigned others = 0;
    bool any_serves = false;

    if (options->role_count > MASTER_ROLES_MAX) {
        return error_set(err, ERROR_INVALID, "%s has %zu roles, which is more than %d", options->name,
                         options->role_count, MASTER_ROLES_MAX);
    }
    for (size_t i = 0; i < options->role_count; i++) {
        const struct master_role *role = &options->roles[i];
        const char *fault = options_role_fault(options, role);

        if (fault != NULL) {
            return error_set(err, ERROR_INVALID, "role %zu of %s (%s) %s", i + 1, options->name,
                             role->name == NULL ? "" : role->name, fault);
        }
        if (!role->has_cells) others += role->count;
        if (role->serves) any_serves = true;
    }
    if (options->role_count < MASTER_ROLES_MAX && options->roles[options->role_count].name != NULL) {
        return error_set(err, ERROR_INVALID, "role %zu of %s (%s) is not counted in role_count",
                         options->role_count + 1, options->name, options->roles[options->role_count].name);
    }
    if (!any_serves) return error_set(err, ERROR_INVALID, "no role of %s serves", options->name);
    if (others > SCOREBOARD_OTHERS_MAX / 2) {
        return error_set(err, ERROR_INVALID,
                         "%s has %u children without cells on the scoreboard, which has room for %d", options->name,
                         others, SCOREBOARD_OTHERS_MAX / 2);
    }
    return 0;
}
