/* The number of a form tells every change of it apart, also those that leave the size alone. */
#include "ipc/form.h"
#include "test_ipc.h"

#define SPAN_MEMBERS(M, owner)      \
    M(owner, uint64_t, begin_ms, )  \
    M(owner, uint32_t, count, )     \
    M(owner, unsigned char, kind, ) \
    M(owner, char, name, [16])
FORM_STRUCT(span, SPAN_MEMBERS);
FORM_FUNCTION(span, SPAN_MEMBERS)

/* Only the tag is another one. */
FORM_STRUCT(same, SPAN_MEMBERS);
FORM_FUNCTION(same, SPAN_MEMBERS)

/* One more member, in what was padding. */
#define ADDED_MEMBERS(M, owner)     \
    M(owner, uint64_t, begin_ms, )  \
    M(owner, uint32_t, count, )     \
    M(owner, unsigned char, kind, ) \
    M(owner, char, name, [16])      \
    M(owner, unsigned char, extra, )
FORM_STRUCT(added, ADDED_MEMBERS);
FORM_FUNCTION(added, ADDED_MEMBERS)

#define GONE_MEMBERS(M, owner)     \
    M(owner, uint64_t, begin_ms, ) \
    M(owner, uint32_t, count, )    \
    M(owner, char, name, [16])
FORM_STRUCT(gone, GONE_MEMBERS);
FORM_FUNCTION(gone, GONE_MEMBERS)

/* Two of one type in each other's place. */
#define PAIR_MEMBERS(M, owner)  \
    M(owner, uint64_t, taken, ) \
    M(owner, uint64_t, refused, )
FORM_STRUCT(pair, PAIR_MEMBERS);
FORM_FUNCTION(pair, PAIR_MEMBERS)

#define CROSSED_MEMBERS(M, owner) \
    M(owner, uint64_t, refused, ) \
    M(owner, uint64_t, taken, )
FORM_STRUCT(crossed, CROSSED_MEMBERS);
FORM_FUNCTION(crossed, CROSSED_MEMBERS)

/* Another type of one size, another name, another extent of one size. */
#define RETYPED_MEMBERS(M, owner) \
    M(owner, int64_t, taken, )    \
    M(owner, uint64_t, refused, )
FORM_STRUCT(retyped, RETYPED_MEMBERS);
FORM_FUNCTION(retyped, RETYPED_MEMBERS)

#define RENAMED_MEMBERS(M, owner) \
    M(owner, uint64_t, given, )   \
    M(owner, uint64_t, refused, )
FORM_STRUCT(renamed, RENAMED_MEMBERS);
FORM_FUNCTION(renamed, RENAMED_MEMBERS)

#define EXTENT_MEMBERS(M, owner)   \
    M(owner, uint64_t, taken, [1]) \
    M(owner, uint64_t, refused, )
FORM_STRUCT(extent, EXTENT_MEMBERS);
FORM_FUNCTION(extent, EXTENT_MEMBERS)

#define STATE_NAMES(M) \
    M(STATE_NEW)       \
    M(STATE_RUNNING)   \
    M(STATE_OLD)
FORM_ENUM(state, STATE_NAMES);
FORM_ENUM_FUNCTION(state, STATE_NAMES)

/* As if one had come in between, and as if two had changed places. */
#define FEWER_NAMES(M) \
    M(STATE_NEW)       \
    M(STATE_OLD)
FORM_ENUM_FUNCTION(fewer, FEWER_NAMES)

#define TURNED_NAMES(M) \
    M(STATE_NEW)        \
    M(STATE_OLD)        \
    M(STATE_RUNNING)
FORM_ENUM_FUNCTION(turned, TURNED_NAMES)

static void test_one_form_has_one_number(void)
{
    CU_ASSERT_EQUAL(span_form(FORM_BEGIN), same_form(FORM_BEGIN));
    CU_ASSERT_NOT_EQUAL(span_form(FORM_BEGIN), span_form(span_form(FORM_BEGIN)));
}

static void test_a_member_that_comes_or_goes_changes_the_number(void)
{
    UNIT_INT(sizeof(struct added), sizeof(struct span)); /* its size would not have told */
    UNIT_INT(sizeof(struct gone), sizeof(struct span));
    CU_ASSERT_NOT_EQUAL(added_form(FORM_BEGIN), span_form(FORM_BEGIN));
    CU_ASSERT_NOT_EQUAL(gone_form(FORM_BEGIN), span_form(FORM_BEGIN));
}

static void test_order_type_name_and_extent_change_the_number(void)
{
    const uint64_t pair = pair_form(FORM_BEGIN);

    UNIT_INT(sizeof(struct crossed), sizeof(struct pair));
    UNIT_INT(sizeof(struct retyped), sizeof(struct pair));
    UNIT_INT(sizeof(struct renamed), sizeof(struct pair));
    UNIT_INT(sizeof(struct extent), sizeof(struct pair));
    CU_ASSERT_NOT_EQUAL(crossed_form(FORM_BEGIN), pair);
    CU_ASSERT_NOT_EQUAL(retyped_form(FORM_BEGIN), pair);
    CU_ASSERT_NOT_EQUAL(renamed_form(FORM_BEGIN), pair);
    CU_ASSERT_NOT_EQUAL(extent_form(FORM_BEGIN), pair);
}

static void test_the_names_of_numbers_change_the_number(void)
{
    UNIT_INT(STATE_OLD, 2);
    CU_ASSERT_NOT_EQUAL(fewer_form(FORM_BEGIN), state_form(FORM_BEGIN));
    CU_ASSERT_NOT_EQUAL(turned_form(FORM_BEGIN), state_form(FORM_BEGIN));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_one_form_has_one_number),
    UNIT_TEST(test_a_member_that_comes_or_goes_changes_the_number),
    UNIT_TEST(test_order_type_name_and_extent_change_the_number),
    UNIT_TEST(test_the_names_of_numbers_change_the_number),
};
const struct unit_part form_tests = UNIT_PART(tests);
