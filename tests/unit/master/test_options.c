#include "master/internal.h"
#include "test_master.h"

static int run(const struct master_child *child)
{
    (void)child;
    return 0;
}

static struct master_options good(void)
{
    return (struct master_options){
        .name = "unit",
        .roles = {{.name = "keeper", .plural = "keepers", .run = run, .count = 1},
                  {.name = "task", .plural = "tasks", .run = run, .count = 1, .task = true, .doing = "waiting"},
                  {.name = "worker", .plural = "workers", .run = run, .count = 2, .serves = true, .has_cells = true}},
        .role_count = 3,
    };
}

static void refused(const struct master_options *options, const char *told)
{
    struct error err = {.message = ""};

    UNIT_INT(options_check(options, &err), -1);
    UNIT_STR(err.message, told);
}

static void test_a_table_that_is_right_is_taken(void)
{
    struct master_options options = good();
    struct error err;

    UNIT_INT(options_check(&options, &err), 0);
    options.roles[0].count = options.roles[1].count = 0;
    UNIT_INT(options_check(&options, &err), 0);
}

static void test_a_table_that_is_wrong_is_refused_with_what_is(void)
{
    struct master_options options = good();

    options.role_count = MASTER_ROLES_MAX + 1;
    refused(&options, "unit has 9 roles, which is more than 8");
    options = good();
    options.roles[1].name = NULL;
    refused(&options, "role 2 of unit () has no name");
    options = good();
    options.roles[1].name = "a-name-of-sixteen";
    refused(&options, "role 2 of unit (a-name-of-sixteen) has a name that is too long");
    options = good();
    options.roles[1].name = "keeper";
    refused(&options, "role 2 of unit (keeper) has the name of another role");
    options = good();
    options.roles[0].run = NULL;
    refused(&options, "role 1 of unit (keeper) has no function to run");
    options = good();
    options.role_count = 2;
    refused(&options, "role 3 of unit (worker) is not counted in role_count");
    options = good();
    options.roles[2].serves = false;
    refused(&options, "no role of unit serves");
    options = good();
    options.roles[0].has_cells = true;
    refused(&options, "role 3 of unit (worker) has cells on the scoreboard, as another role has already");
    options = good();
    options.roles[0].count = SCOREBOARD_OTHERS_MAX / 2;
    refused(&options, "unit has 33 children without cells on the scoreboard, which has room for 32");
    options.roles[0].count++;
    refused(&options, "role 1 of unit (keeper) has more children than the scoreboard has room for");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_table_that_is_right_is_taken),
    UNIT_TEST(test_a_table_that_is_wrong_is_refused_with_what_is),
};
const struct unit_part options_tests = UNIT_PART(tests);
