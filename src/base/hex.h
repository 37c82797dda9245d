/* Hexadecimal digits: reading either case, writing lower case. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/* -1 if `c` is not a digit. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Of the lowest four bits. */
static inline char hex_digit(unsigned value)
{
    return "0123456789abcdef"[value & 0xfU];
}

#endif
