#include "base/percent.h"

#include "base/hex.h"

bool percent_next(struct slice *rest, char *ret_byte)
{
    size_t taken = 1;
    char byte = rest->data[0];

    if (byte == '%') {
        int high = rest->len < 3 ? -1 : hex_value(rest->data[1]);
        int low = high < 0 ? -1 : hex_value(rest->data[2]);

        if (low < 0) return false;
        byte = (char)(high << 4 | low);
        taken = 3;
    }
    rest->data += taken;
    rest->len -= taken;
    *ret_byte = byte;
    return true;
}
