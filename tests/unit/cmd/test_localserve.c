/* What localserve makes at its first start, and what it refuses to touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "cmd/certificate.h"
#include "cmd/localserve.h"
#include "supervisor/tls_files.h"

static int setup(void **state)
{
    static char directory[64];

    (void)snprintf(directory, sizeof(directory), "/tmp/test-localserve-XXXXXX");
    *state = directory;
    return mkdtemp(directory) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", (const char *)*state);
    return system(command);
}

static struct localserve settings(void **state)
{
    struct localserve l = {.base_port = 3000};

    (void)snprintf(l.directory, sizeof(l.directory), "%s/a/b", (const char *)*state);
    return l;
}

static void test_first_start(void **state)
{
    struct localserve l = settings(state);
    struct config_errors errors = {0};
    struct config *config = NULL;
    struct tls_files tls;
    struct err err;
    struct stat st;
    char path[3300];

    assert_int_equal(localserve_prepare(&l, &err), 0);
    assert_true(l.pending);
    int rc = config_load(l.config_path, &config, &errors);

    config_errors_print(&errors, stderr);
    assert_int_equal(rc, 0);
    assert_true(config->plain_auth);
    assert_false(config->delays);
    assert_int_equal(config->listener[0].service[0].port, 3025);
    assert_int_equal(config->listener[0].service[4].port, 3993);
    assert_int_equal(config->connection_rate.max[0], 0);
    assert_int_equal(tls_files_read(config, &tls, &err), 0);
    tls_files_done(&tls);
    config_free(config);
    (void)snprintf(path, sizeof(path), "%s/ca.key", l.directory);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_later_starts(void **state)
{
    struct localserve l = settings(state);
    struct err err;

    assert_int_equal(localserve_prepare(&l, &err), 0);
    l.base_port = 4000; /* the first start is repeated, with another port */
    l.port_given = true;
    assert_int_equal(localserve_prepare(&l, &err), 0);
    assert_true(l.pending);
    localserve_finished(&l);
    assert_int_equal(localserve_prepare(&l, &err), -ERR_INVALID);
    l.port_given = false;
    assert_int_equal(localserve_prepare(&l, &err), 0);
    assert_false(l.pending);
}

static void test_foreign_directory(void **state)
{
    struct localserve l = settings(state);
    struct err err;
    char path[3300];
    struct stat st;

    (void)snprintf(l.directory, sizeof(l.directory), "%s", (const char *)*state);
    (void)snprintf(path, sizeof(path), "%s/godwit.conf", l.directory);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs("hostname = mine\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(localserve_prepare(&l, &err), -ERR_INVALID);
    assert_non_null(strstr(err.text, "not empty"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 16);
    (void)snprintf(path, sizeof(path), "%s/ca.pem", l.directory);
    assert_int_not_equal(access(path, F_OK), 0);
}

static X509 *read_certificate(const char *directory, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    X509 *x509 = PEM_read_X509(file, NULL, NULL, NULL);

    (void)fclose(file);
    assert_non_null(x509);
    return x509;
}

static void test_certificate(void **state)
{
    const char *directory = *state;
    struct err err;

    assert_int_equal(certificate_write(directory, "192.0.2.7", &err), 0);
    X509 *authority = read_certificate(directory, "ca.pem");
    X509 *leaf = read_certificate(directory, "localhost.pem");
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();

    assert_int_equal(X509_STORE_add_cert(store, authority), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, leaf, NULL), 1);
    assert_int_equal(X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER), 1);
    assert_int_equal(X509_verify_cert(context), 1);
    assert_int_equal(X509_check_host(leaf, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(leaf, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(leaf, "192.0.2.7", 0), 1);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(leaf);
    X509_free(authority);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_first_start),
        TEST(test_later_starts),
        TEST(test_foreign_directory),
        TEST(test_certificate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
