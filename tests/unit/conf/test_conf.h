/* What the tests of conf/ share. */
#ifndef TEST_CONF_H
#define TEST_CONF_H

#include "conf/conf.h"
#include "unit.h"

/* A NULL-terminated list of strings. */
#define TEST_LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Loads from an environment and a NULL-terminated list of --set arguments; either may be NULL. */
int test_load(const char *const *environ_list, const char *const *sets, struct conf **ret_conf, struct error *err);
/* test_load is for stratslabd. */
int test_load_program(enum conf_program program, const char *const *environ_list, const char *const *sets,
                      struct conf **ret_conf, struct error *err);
/* As above with one variable each; asserts that it loads. */
struct conf *test_load_one(const char *variable, const char *set);
/* Asserts that loading fails with exactly this message. */
void test_refused(const char *const *environ_list, const char *const *sets, const char *message);
void test_refused_program(enum conf_program program, const char *const *environ_list, const char *const *sets,
                          const char *message);

/* A new file with this content; its path lives until test_file_remove. */
const char *test_file(const char *content, size_t len);
void test_file_remove(const char *path);

/* "STRATSLAB_CONFIG=<path>"; free it. */
char *config_variable(const char *path);

extern const struct unit_part address_tests, database_tests, defaults_tests, file_tests, libpq_tests, link_tests,
    load_tests, names_tests, print_tests, program_tests, secret_tests, table_tests, value_tests;

#endif
