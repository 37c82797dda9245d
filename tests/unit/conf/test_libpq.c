#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "test_conf.h"

#define KNOWN                                                                                                        \
    " (there are: application_name, channel_binding, connect_timeout, dbname, gssencmode, host, hostaddr, "          \
    "keepalives, keepalives_count, keepalives_idle, keepalives_interval, load_balance_hosts, options, passfile, "    \
    "password, port, require_auth, requirepeer, service, sslcert, sslcertmode, sslcrl, sslcrldir, sslkey, sslmode, " \
    "sslnegotiation, sslpassword, sslrootcert, ssl_max_protocol_version, ssl_min_protocol_version, "                 \
    "target_session_attrs, tcp_user_timeout, user)"

static void test_parameters_that_nobody_knows(void)
{
    static const struct {
        const char *parameter, *message;
    } cases[] = {
        {"schema=public", "its parameter \"schema\" is not one that PostgreSQL's client library takes: leave it out; "
                          "the service finds its tables by itself" KNOWN},
        {"pgbouncer=true",
         "its parameter \"pgbouncer\" is not one that PostgreSQL's client library takes: leave it out" KNOWN},
        {"sslmod=require",
         "its parameter \"sslmod\" is not one that PostgreSQL's client library takes; did you mean sslmode?" KNOWN},
        {"ssl=require", "its parameter \"ssl\" is not one that PostgreSQL's client library takes: leave it out; write "
                        "sslmode=require" KNOWN},
        {"sslmode", "what follows its ? is not name=value, with a & between two of them"},
        {"&sslmode=require", "what follows its ? is not name=value, with a & between two of them"},
        {"options=-c%20work_mem=64MB",
         "its parameter \"options\" has a second = (in a value it is written %3D, and a space %20)"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char *variable = mem_printf("DATABASE_URL=postgresql://u:secret@h/d?%s", cases[i].parameter);
        char *message = mem_printf("environment: DATABASE_URL: %s", cases[i].message);

        test_refused(TEST_LIST(variable), NULL, message);
        free(message);
        free(variable);
    }
    test_refused(TEST_LIST("DATABASE_URL=host=h schema=x"), NULL,
                 "environment: DATABASE_URL: its keyword \"schema\" is not one that PostgreSQL's client library takes: "
                 "leave it out; the service finds its tables by itself" KNOWN);
}

/* What nobody knows is quoted, but not if it may be a part of a password. */
static void test_no_password_is_quoted(void)
{
    static const char hosts[] = "environment: DATABASE_URL: what follows its user is not host:port (in a user or "
                                "password, characters such as / ? # : @ are written %2F %3F %23 %3A %40)";

    test_refused(TEST_LIST("DATABASE_URL=postgresql://u:12/se?cr=et@h/d"), NULL, hosts);
    test_refused(TEST_LIST("DATABASE_URL=host=h password=my secret=x"), NULL,
                 "environment: DATABASE_URL: a keyword behind its password is not one that PostgreSQL's client library "
                 "takes, or its value is not (a password with spaces stands in single quotes)");
}

static void test_values(void)
{
    static const struct {
        const char *parameter, *message; /* NULL: it is taken */
    } cases[] = {
        {"sslmode=no-verify",
         "sslmode: \"no-verify\" is not one of disable, allow, prefer, require, verify-ca, verify-full"},
        {"sslmode=", "sslmode: \"\" is not one of disable, allow, prefer, require, verify-ca, verify-full"},
        {"channel_binding=on", "channel_binding: \"on\" is not one of disable, prefer, require"},
        {"gssencmode=off", "gssencmode: \"off\" is not one of disable, prefer, require"},
        {"target_session_attrs=readwrite", "target_session_attrs: \"readwrite\" is not one of any, read-write, "
                                           "read-only, primary, standby, prefer-standby"},
        {"load_balance_hosts=yes", "load_balance_hosts: \"yes\" is not one of disable, random"},
        {"ssl_min_protocol_version=1.2",
         "ssl_min_protocol_version: \"1.2\" is not one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
        {"replication=database", "replication: \"database\" is not one of false, off, no, 0"},
        {"connect_timeout=5s", "connect_timeout: \"5s\" is not a whole number"},
        {"keepalives_idle=", "keepalives_idle: \"\" is not a whole number"},
        {"port=5432,x", "port: \"5432,x\" is not a port from 1 to 65535, nor a list of them"},
        {"hostaddr=db", "hostaddr: \"db\" is not an IP address, nor a list of them (a name belongs in host)"},
        {"require_auth=md5,cert", "require_auth: \"md5,cert\" is not a list (each perhaps after a !) of password, md5, "
                                  "gss, sspi, scram-sha-256, oauth, none"},
        {"sslmode=verify-full&target_session_attrs=read-write", NULL},
        {"", NULL}, /* libpq takes a "?" or "&" at the end */
        {"sslmode=require&", NULL},
        {"ssl=true", NULL}, /* for the sake of JDBC */
        {"ssl_min_protocol_version=tlsv1.2", NULL},
        {"require_auth=!password,!none", NULL},
        {"hostaddr=127.0.0.1,::1&port=5432,", NULL},
        {"options=-csearch_path%3Dx&application_name=a@b&passfile=/nonexistent/x", NULL},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char *variable = mem_printf("DATABASE_URL=postgresql://u@h/d?%s", cases[i].parameter);
        char *message = mem_printf("environment: DATABASE_URL: its parameter %s", cases[i].message);

        if (cases[i].message != NULL) {
            test_refused(TEST_LIST(variable), NULL, message);
        } else {
            conf_free(test_load_one(variable, NULL));
        }
        free(message);
        free(variable);
    }
}

/* With this address and this variable in the environment. */
static void judged(const char *url, const char *variable, const char *message)
{
    struct conf *conf = test_load_one(url, NULL);
    struct error err = {.message = ""};
    int result = conf_judge_database(conf, TEST_LIST("A", variable), &err);

    UNIT_INT(result, message == NULL ? 0 : -1);
    UNIT_STR(err.message, message == NULL ? "" : message);
    if (message != NULL) UNIT_INT(err.code, ERROR_SETTINGS);
    conf_free(conf);
}

static void test_variables_of_libpq(void)
{
    static const char plain[] = "DATABASE_URL=postgresql://u@h/d";

    judged(plain, "PGSSLMODE=bogus",
           "environment: PGSSLMODE: \"bogus\" is not one of disable, allow, prefer, require, verify-ca, verify-full");
    judged(plain, "PGPORT=tcp://10.0.0.1:80",
           "environment: PGPORT: \"tcp://10.0.0.1:80\" is not a port from 1 to 65535, nor a list of them");
    judged(plain, "PGSSLMODE=require", NULL);
    judged(plain, "PGSSLMODE=", NULL); /* main has taken it out */
    judged("DATABASE_URL=postgresql://u@h/d?ssl_min_protocol_version=TLSv1.3", "PGSSLMAXPROTOCOLVERSION=tlsv1.2",
           "DATABASE_URL: its parameter ssl_min_protocol_version: is above ssl_max_protocol_version");
    judged("DATABASE_URL=postgresql://u@h/d?ssl_min_protocol_version=TLSv1.2", "PGSSLMAXPROTOCOLVERSION=tlsv1.2", NULL);
    /* What is not used is not judged. */
    judged("DATABASE_URL=postgresql://u@h/d?sslmode=require", "PGSSLMODE=bogus", NULL);
    judged("DATABASE_URL=host=h sslmode=require", "PGSSLMODE=bogus", NULL);
    judged("DATABASE_URL=postgresql://u@h:1/d", "PGPORT=bogus", NULL);
    judged("DATABASE_URL=postgresql://u@[::1]:1,i:2/d", "PGPORT=bogus", NULL);
    judged("DATABASE_URL=", "PGPORT=bogus", NULL); /* POSTGRES_PORT */
    judged("DATABASE_URL=service=s", "PGSSLMODE=bogus", NULL);
}

static void test_files(void)
{
    static const char content[] = "x";
    const char *path = test_file(content, 1);
    char *there = mem_printf("DATABASE_URL=postgresql://u@h/d?sslrootcert=%s&sslkey=engine:x", path);

    judged(there, "A=b", NULL);
    judged("DATABASE_URL=postgresql://u@h/d?sslrootcert=/nonexistent/ca.pem&sslmode=verify-full", "A=b",
           "DATABASE_URL: its parameter sslrootcert: cannot read /nonexistent/ca.pem: No such file or directory");
    judged("DATABASE_URL=postgresql://u@h/d", "PGSSLCERT=/nonexistent/a.pem",
           "environment: PGSSLCERT: cannot read /nonexistent/a.pem: No such file or directory");
    judged("DATABASE_URL=postgresql://u@h/d?sslmode=disable&sslcert=/nonexistent/a.pem", "A=b", NULL);
    judged("DATABASE_URL=postgresql://u@h/d?sslrootcert=system&sslmode=verify-full", "A=b", NULL);
    free(there);
    there = mem_printf("DATABASE_URL=postgresql://u@h/d?sslkey=%s", path);
    judged(there, "A=b", NULL);
    if (chmod(path, 0644) != 0) CU_FAIL("chmod");
    char *message =
        mem_printf("DATABASE_URL: its parameter sslkey: others may read %s (mode 0644), and libpq takes no such "
                   "key: chmod 600 %s",
                   path, path);

    judged(there, "A=b", message);
    free(message);
    free(there);
    test_file_remove(path);
}

/* The paths with this address and this variable in the environment, a space behind each. */
static void named(const char *url, const char *variable, const char *expected)
{
    struct conf *conf = test_load_one(url, NULL);
    const char *paths[CONF_DATABASE_FILES_MAX];
    const size_t count = conf_database_files(conf, TEST_LIST("A", variable), paths);
    struct buf found = {0};

    for (size_t i = 0; i < count; i++) buf_printf(&found, "%s ", paths[i]);
    UNIT_STR(buf_cstr(&found), expected);
    buf_clear(&found);
    conf_free(conf);
}

static void test_files_that_a_connection_reads(void)
{
    named("DATABASE_URL=postgresql://u@h/d", "A=b", "");
    named("DATABASE_URL=postgresql://u@h/d?passfile=/p", "PGSSLCERT=/c", "/p /c ");
    named("DATABASE_URL=postgresql://u@h/d?sslmode=disable", "PGSSLCERT=/c", "");
    named("DATABASE_URL=postgresql://u@h/d?sslkey=engine:k&sslrootcert=system&sslmode=verify-full", "PGPASSFILE=/p",
          "/p ");
    named("DATABASE_URL=postgresql://u@h/d?sslkey=/k&sslcert=/c&sslrootcert=/r&sslcrl=/l&passfile=/p", "PGSSLCRLDIR=/d",
          "/p /c /l /d /k /r ");
    named("DATABASE_URL=postgresql:///?service=s", "PGSERVICEFILE=/s", "/s ");
    named("DATABASE_URL=postgresql:///?service=s&servicefile=/t", "PGSERVICEFILE=/s", "/t ");
    named("DATABASE_URL=postgresql://u@h/d", "PGSERVICEFILE=/s", "");
}

static void looked_for(const char *url, const char *variable, const char *expected)
{
    struct conf *conf = test_load_one(url, NULL);
    struct buf found = {0};

    for (unsigned i = 0; i < CONF_HOME_FILE_COUNT; i++) {
        const char *file = conf_home_file(conf, TEST_LIST("A", variable), (enum conf_home_file)i);

        if (file != NULL) buf_printf(&found, "%s ", file);
    }
    UNIT_STR(buf_cstr(&found), expected);
    buf_clear(&found);
    conf_free(conf);
}

static void test_files_of_a_home(void)
{
    looked_for("DATABASE_URL=postgresql://u@h/d", "A=b", ".pgpass ");
    looked_for("DATABASE_URL=postgresql://u:p@h/d", "A=b", "");
    looked_for("DATABASE_URL=postgresql://u@h/d", "PGPASSWORD=p", "");
    looked_for("DATABASE_URL=postgresql://u@h/d?passfile=/p", "A=b", "");
    looked_for("DATABASE_URL=postgresql:///?service=s", "A=b", ".pg_service.conf ");
    looked_for("DATABASE_URL=postgresql:///?service=s", "PGSERVICEFILE=/s", "");
    looked_for("DATABASE_URL=postgresql://u:p@h/d?sslmode=verify-full", "A=b",
               ".postgresql/root.crt .postgresql/postgresql.crt ");
    looked_for("DATABASE_URL=postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=system", "PGSSLCERT=/c", "");
    looked_for("DATABASE_URL=postgresql://u:p@h/d?sslmode=prefer", "A=b", "");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_files_that_a_connection_reads),
    UNIT_TEST(test_files_of_a_home),
    UNIT_TEST(test_parameters_that_nobody_knows),
    UNIT_TEST(test_no_password_is_quoted),
    UNIT_TEST(test_values),
    UNIT_TEST(test_variables_of_libpq),
    UNIT_TEST(test_files),
};
const struct unit_part libpq_tests = UNIT_PART(tests);
