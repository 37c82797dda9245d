/* Which settings are not for everybody to read. */
#include "base/mask.h"
#include "conf/internal.h"

bool conf_set_is_secret(const char *set)
{
    struct slice value = slice_of(set);
    const struct slice name = slice_cut(&value, '=');
    const int index = conf_find(name);

    if (value.data == NULL) return true; /* perhaps it is one whose name was forgotten */
    if (value.len == 0) return false;
    return (index >= 0 && conf_table[index].secret) || mask_finds(slice_of(set));
}

bool conf_set_has_password(const char *set)
{
    struct slice value = slice_of(set);
    const struct slice name = slice_cut(&value, '=');
    struct buf masked = {0};

    if (!conf_set_is_secret(set) || value.data == NULL) return false;
    const int index = conf_find(name);

    if (index != CONF_DATABASE_URL && index != CONF_MIGRATE_DATABASE_URL) return true;
    conf_database_mask(value, &masked);
    const bool has = !slice_eq(buf_slice(&masked), value);

    buf_clear(&masked);
    return has;
}
