/*
 * The form of a struct as a number that the compiler makes. A reload hands structs from one executable to the next as
 * they lie in memory; two executables whose numbers are equal read them alike.
 *
 * A struct that is handed over is declared from a list of its members, so that no member can be forgotten:
 *
 *     #define SPAN_FORM(M, owner)       \
 *         M(owner, uint64_t, begin_ms, ) \
 *         M(owner, uint32_t, count, [4])
 *     FORM_STRUCT(span, SPAN_FORM);
 *     FORM_FUNCTION(span, SPAN_FORM)
 *     number = span_form(number);
 *
 * The number is made from each member's type, name, extent, place and size. A member that is a struct itself has a form
 * of its own, which is mixed in separately. So is the meaning of numbers: an enumeration whose numbers are handed over
 * is declared from a list of its names, in the order of their numbers.
 *
 *     #define COLOUR_NAMES(M) \
 *         M(COLOUR_RED)       \
 *         M(COLOUR_GREEN)
 *     FORM_ENUM(colour, COLOUR_NAMES);
 *     FORM_ENUM_FUNCTION(colour, COLOUR_NAMES)
 *     number = colour_form(number);
 */
#ifndef IPC_FORM_H
#define IPC_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "base/fnv.h"

#define FORM_BEGIN FNV_BEGIN

static inline uint64_t form_mix_text(uint64_t form, const char *text)
{
    do form = fnv_mix_byte(form, (unsigned char)*text);
    while (*text++ != '\0');
    return form;
}

static inline uint64_t form_mix_number(uint64_t form, uint64_t number)
{
    for (int i = 0; i < 8; i++, number >>= 8) form = fnv_mix_byte(form, number & 0xffU);
    return form;
}

#define FORM_DECLARE_MEMBER(owner, type, name, extent) type name extent;
#define FORM_STRUCT(name, members)                \
    struct name {                                 \
        members(FORM_DECLARE_MEMBER, struct name) \
    }

#define FORM_MIX_MEMBER(owner, type, name, extent)       \
    form = form_mix_text(form, #type " " #name #extent); \
    form = form_mix_number(form, offsetof(owner, name)); \
    form = form_mix_number(form, sizeof(((owner *)0)->name));

/* Defines a function that mixes the form of the struct into a number. */
#define FORM_FUNCTION(name, members)                       \
    static uint64_t name##_form(uint64_t form)             \
    {                                                      \
        form = form_mix_number(form, sizeof(struct name)); \
        members(FORM_MIX_MEMBER, struct name) return form; \
    }

#define FORM_DECLARE_NAME(name) name,
#define FORM_ENUM(tag, names) enum tag { names(FORM_DECLARE_NAME) }

#define FORM_MIX_NAME(name)            \
    form = form_mix_text(form, #name); \
    form = form_mix_number(form, name);

/* Defines a function that mixes the names and numbers of the enumeration into a number. */
#define FORM_ENUM_FUNCTION(tag, names)        \
    static uint64_t tag##_form(uint64_t form) \
    {                                         \
        names(FORM_MIX_NAME) return form;     \
    }

#endif
