/*
 * How a row of the table says where its value is kept. Each macro takes the member of struct conf_state: one of another
 * type than the row's does not compile, and neither does a range that the member cannot hold. Nothing else may write
 * `.type`, `.offset` and `.width`. tests/lint/rows tries what compiles.
 */
#ifndef CONF_ROW_H
#define CONF_ROW_H

#include "conf/internal.h"

/* Never evaluated: only its type is looked at. */
#define CONF_MEMBER(member) ((struct conf_state *)0)->member

/* Nothing if the condition holds; else an array of a negative size, which no compiler takes. */
#define CONF_MUST(condition) (0 * sizeof(char[1 - 2 * !(condition)]))

/* clang-format off */
#define CONF_ROW(member, kind, member_type)                                                                            \
    .type = _Generic(&CONF_MEMBER(member), member_type *: (enum conf_type)(kind)),                                     \
    .offset = offsetof(struct conf_state, member),                                                                     \
    .width = sizeof(CONF_MEMBER(member))
/* clang-format on */

#define CONF_ROW_TEXT(member) CONF_ROW(member, CONF_TYPE_TEXT, const char *)
#define CONF_ROW_PATH(member) CONF_ROW(member, CONF_TYPE_PATH, const char *)
#define CONF_ROW_DATABASE_URL(member) CONF_ROW(member, CONF_TYPE_DATABASE_URL, const char *)
#define CONF_ROW_URL_PATH(member) CONF_ROW(member, CONF_TYPE_URL_PATH, const char *)
#define CONF_ROW_BOOLEAN(member) CONF_ROW(member, CONF_TYPE_BOOLEAN, bool)
#define CONF_ROW_SHARE(member) CONF_ROW(member, CONF_TYPE_SHARE, unsigned)
#define CONF_ROW_ADDRESSES(member) CONF_ROW(member, CONF_TYPE_ADDRESSES, struct conf_addresses)
#define CONF_ROW_ORIGINS(member) CONF_ROW(member, CONF_TYPE_ORIGINS, struct conf_names)
#define CONF_ROW_HOSTS(member) CONF_ROW(member, CONF_TYPE_HOSTS, struct conf_names)

/* clang-format off */
/* One of the words of a list; the value is the word's place in it, as the enum counts. */
#define CONF_ROW_CHOICE(member, member_type, list)                                                                     \
    CONF_ROW(member, CONF_TYPE_CHOICE + CONF_MUST(sizeof(member_type) == sizeof(unsigned)), member_type),              \
    .choices = list,                                                                                                   \
    .choices_info = "one of " list

/* A number in a unit, between two that count too. The member is an unsigned int or a size_t, which is one of the two
 * types here, whatever the machine. */
#define CONF_ROW_NUMBER(member, its_unit, from, to)                                                                    \
    .type = _Generic(&CONF_MEMBER(member), unsigned *: CONF_TYPE_NUMBER, unsigned long *: CONF_TYPE_NUMBER),           \
    .offset = offsetof(struct conf_state, member),                                                                     \
    .width = sizeof(CONF_MEMBER(member)),                                                                              \
    .unit = (its_unit),                                                                                                \
    .min = (from),                                                                                                     \
    .max = (to) + CONF_MUST((to) <= (typeof(CONF_MEMBER(member)))-1)
/* clang-format on */

#define CONF_ROW_COUNT(member, from, to) CONF_ROW_NUMBER(member, CONF_UNIT_ONE, from, to)
#define CONF_ROW_DURATION(member, from, to) CONF_ROW_NUMBER(member, CONF_UNIT_MS, from, to)
#define CONF_ROW_MODE(member, from, to) CONF_ROW_NUMBER(member, CONF_UNIT_MODE, from, to)
#define CONF_ROW_SIZE(member, from, to) CONF_ROW_NUMBER(member, CONF_UNIT_BYTE, from, to)

/* The same default for both programs; a row of one says `{[CONF_STRATSLABD] = "5s"}`. */
/* clang-format off */
#define CONF_BOTH(text) {[CONF_STRATSLABD] = (text), [CONF_BACKTESTD] = (text)}
/* clang-format on */

#endif
