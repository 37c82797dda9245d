/* Values as they are sent. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/internal.h"
#include "rig.h"

static void test_text_values(void)
{
    static const char *const texts[] = {"", "plain", "it's \"quoted\" \\ $1", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                        NULL};
    struct rig rig;
    struct answer a = {0};

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(texts); i++) {
        CU_ASSERT(rig_ask(&rig, &a, &st_text, texts[i], NULL));
        UNIT_INT(a.outcome, DB_OK);
        UNIT_STR(a.value, texts[i] == NULL ? "(null)" : texts[i]);
    }
    CU_ASSERT(rig_ask(&rig, &a, &st_text, "\xff", NULL));
    UNIT_INT(a.outcome, DB_INVALID_VALUE);
    CU_ASSERT(rig_ask(&rig, &a, &st_int, "no number", NULL));
    UNIT_INT(a.outcome, DB_INVALID_VALUE);
    rig_close(&rig);
}

static const struct db_statement st_types = {"types",
                                             "SELECT concat_ws(' ', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                                             DB_READ,
                                             10,
                                             {DB_TYPE_BOOL, DB_TYPE_INT8, DB_TYPE_INT4, DB_TYPE_TEXT, DB_TYPE_UUID,
                                              DB_TYPE_TIMESTAMPTZ, DB_TYPE_NUMERIC, DB_TYPE_JSONB, DB_TYPE_INT8_ARRAY,
                                              DB_TYPE_TEXT_ARRAY},
                                             false};

static void keep_row(void *arg, const struct db_result *r)
{
    struct answer *a = arg;

    a->calls++;
    a->outcome = db_result_outcome(r);
    snprintf(a->message, sizeof(a->message), "%s", db_result_message(r));
    int column = db_result_column(r, "concat_ws");

    UNIT_INT(db_result_column(r, "nothing"), -1);
    CU_ASSERT(db_result_value(r, 0, -1).data == NULL);
    CU_ASSERT(db_result_value(r, 1, 0).data == NULL);
    snprintf(a->value, sizeof(a->value), "%.*s", SLICE_FMT(db_result_value(r, 0, column)));
}

/* Every type we send, from slices that no NUL follows. */
static void test_types(void)
{
    static const struct db_statement *const only[] = {&st_types};
    const struct slice values[] = {
        {"true!", 4},
        {"9007199254740993!", 16},
        {"-7!", 2},
        {"a b!", 3},
        {"6f1b7c3e-2d5a-4b8f-9c1d-0e2f3a4b5c6d!", 36},
        {"2026-11-23T14:03:52Z!", 20},
        {"0.10!", 4},
        {"{\"a\": [1, 2]}!", 13},
        {"{1,2}!", 5},
        {"{\"x y\",z}!", 9},
    };
    struct rig rig;
    struct answer a = {0};
    enum db_outcome refused;

    rig_open(&rig);
    rig.options.statements = only;
    rig.options.statement_count = 1;
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(db_submit(rig.db, &st_types, values, keep_row, &a, &refused) != NULL);
    CU_ASSERT(rig_until_answered(&rig, &a, 1));
    UNIT_STR(a.message, "");
    UNIT_STR(a.value, "t 9007199254740993 -7 a b 6f1b7c3e-2d5a-4b8f-9c1d-0e2f3a4b5c6d 2026-11-23 14:03:52+00 0.10 "
                      "{\"a\": [1, 2]} {1,2} {\"x y\",z}");
    rig_close(&rig);
}

static void test_nul_is_refused(void)
{
    const struct slice value = {"a\0b", 3};
    struct rig rig;
    struct answer a = {0};
    enum db_outcome refused = DB_OK;

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(db_submit(rig.db, &st_text, &value, keep_row, &a, &refused) == NULL);
    UNIT_INT(refused, DB_INVALID_VALUE);
    rig_close(&rig);
}

/* How a process ends whose value is changed, or not, between submitting and sending. */
static int end_of_change(bool changes)
{
    const pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        char text[] = "as submitted";
        const struct slice values[] = {{text, sizeof(text) - 1}};
        struct db_query *q = mem_zalloc(sizeof(*q) + sizeof(values));

        q->statement = &st_text;
        memcpy(q->values, values, sizeof(values));
        q->values_sum = db_values_sum(&st_text, values);
        if (changes) text[0] = '\0';
        fclose(stderr); /* what it says is right, and would look like a failure */
        db_values_check(q);
        _exit(0);
    }
    CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* The rule of values, which builds with AddressSanitizer check. */
static void test_values_stay_as_they_were_submitted(void)
{
    UNIT_INT(end_of_change(false), 0);
    UNIT_INT(end_of_change(true), DB_CHECKS_VALUES ? SIGABRT : 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_text_values),
    UNIT_TEST(test_types),
    UNIT_TEST(test_nul_is_refused),
    UNIT_TEST(test_values_stay_as_they_were_submitted),
};
const struct unit_part send_tests = UNIT_PART(tests);
