#include "http/host.h"

static struct slice host_name(struct slice host)
{
    const char *bracket = host.len == 0 ? NULL : memchr(host.data, ']', host.len);

    if (bracket != NULL) {
        host.len = (size_t)(bracket - host.data) + 1;
        return host;
    }
    host = slice_cut(&host, ':');
    if (host.len > 1 && host.data[host.len - 1] == '.') host.len--;
    return host;
}

bool http_host_is_listed(struct slice host, const char *const *names, size_t count)
{
    const struct slice name = host_name(host);

    if (name.len == 0) return false;
    for (size_t i = 0; i < count; i++) {
        const struct slice tail = {names[i] + 1, strlen(names[i]) - 1};

        if (names[i][0] != '*') {
            if (slice_is_nocase(name, names[i])) return true;
        } else if (name.len > tail.len &&
                   slice_is_nocase((struct slice){name.data + name.len - tail.len, tail.len}, tail.data)) {
            return true;
        }
    }
    return false;
}
