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

void test_value_types(void);
void test_value_refused(void);
void test_value_choices(void);
void test_value_shares(void);
void test_value_secret_is_not_shown(void);
void test_value_workers_default(void);
void test_value_addresses(void);
void test_value_addresses_refused(void);
void test_value_addresses_too_many(void);
void test_value_admin_listen_none(void);
void test_value_origins(void);
void test_value_hosts(void);
void test_value_names_refused(void);
void test_address_is_public(void);

void test_sources_precedence(void);
void test_sources_credentials(void);
void test_sources_set_twice(void);
void test_sources_config_missing(void);
void test_sources_empty_is_absent(void);
void test_sources_unknown_names(void);
void test_sources_all_at_once(void);
void test_sources_many_problems_fit(void);
void test_sources_set_malformed(void);
void test_file_values(void);
void test_file_problems(void);
void test_file_variant(void);
void test_file_variant_problems(void);

void test_database_parts(void);
void test_database_urls(void);
void test_database_refused(void);
void test_database_url_wins(void);

void test_print_masks(void);
void test_print_sources(void);
void test_print_json(void);
void test_print_sample_is_committed(void);
void test_print_sample_loads(void);
void test_print_man_is_committed(void);
void test_table(void);

void test_program_defaults(void);
void test_program_pass_over(void);
void test_program_refuse(void);
void test_program_print(void);

#endif
