/* How a value is refused. */
#include "base/utf8.h"
#include "conf/internal.h"

enum { CONF_QUOTE_BYTES = 60 };

void conf_quote(struct slice text, struct buf *out)
{
    bool cut = text.len > CONF_QUOTE_BYTES;

    buf_add_json(out, utf8_cut(text, CONF_QUOTE_BYTES));
    if (cut) buf_add_str(out, "...");
}

void conf_refusal(struct slice text, const char *reason, struct buf *why)
{
    conf_quote(text, why);
    buf_printf(why, " %s", reason);
}
