#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/utf7.h"

/* RFC 3501 5.1.3. Whatever decodes encodes to itself. */
static const struct {
    const char *utf7, *utf8; /* utf8 NULL: an error */
    size_t offset;
} rows[] = {
    {"plain", "plain", 0},
    {"&Jjo-", "\xe2\x98\xba", 0},
    {"test&Jjo-", "test\xe2\x98\xba", 0},
    {"&Jjo-test&Jjo-", "\xe2\x98\xbatest\xe2\x98\xba", 0},
    {"&-", "&", 0},
    {"&2AHcNw-", "\xf0\x90\x90\xb7", 0},
    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
     "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 0},
    {"&Jjo-&-", "\xe2\x98\xba&", 0},
    {"&-&-", "&&", 0},
    {"&-&Jjo-", "&\xe2\x98\xba", 0},
    {"a&-b", "a&b", 0},
    {"&Jjo", NULL, 0},
    {"&Jjo-&Jjo-", NULL, 5},
    {"x&AGE-", NULL, 1},
    {"&\xe2\x98\xba-", NULL, 0},
    {"a\xe2\x98\xba", NULL, 1},
    {"&YQ-", NULL, 0},
    {"&3AE-", NULL, 0},
    {"&2AE-", NULL, 0},
    {"&3DfYAQ-", NULL, 0},
    {"&U,BTFw-&ZeVnLIqe-", NULL, 8},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct builder decoded, encoded;
        struct err err;

        build_init(&decoded, 1000);
        build_init(&encoded, 1000);
        int rc = imap_utf7_decode(&decoded, slice_str(rows[i].utf7), &err);

        if (!rows[i].utf8) {
            assert_int_equal(rc, -ERR_SYNTAX);
            assert_int_equal(err.offset, rows[i].offset);
        } else {
            assert_int_equal(rc, 0);
            assert_true(slice_eq(build_slice(&decoded), slice_str(rows[i].utf8)));
            imap_utf7_encode(&encoded, build_slice(&decoded));
            assert_true(slice_eq(build_slice(&encoded), slice_str(rows[i].utf7)));
        }
        build_done(&decoded);
        build_done(&encoded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
