/* RFC 2195 2, and the sizes of keys around MD5's block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "base/encode.h"
#include "sasl/cram.h"

static void example(void **state)
{
    uint8_t states[CRAM_STATES], digest[CRAM_DIGEST];
    struct builder hex;

    (void)state;
    assert_true(cram_states(SLICE("tanstaaftanstaaf"), states));
    cram_digest(states, SLICE("<1896.697170952@postoffice.reston.mci.net>"), digest);
    build_init(&hex, 64);
    encode_hex(&hex, slice_of(digest, sizeof(digest)));
    assert_true(slice_eq(build_slice(&hex), SLICE("b913a602c7eda7a495b4e6e7334d3890")));
    build_done(&hex);
}

static void is_hmac_md5(void **state)
{
    uint8_t key[200], states[CRAM_STATES], digest[CRAM_DIGEST], want[EVP_MAX_MD_SIZE];
    struct slice text = SLICE("a challenge");

    (void)state;
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(i * 7 + 1);
    for (size_t n = 0; n < sizeof(key); n++) {
        unsigned want_n = 0;

        assert_true(cram_states(slice_of(key, n), states));
        cram_digest(states, text, digest);
        assert_non_null(HMAC(EVP_md5(), key, (int)n, text.p, text.n, want, &want_n));
        assert_memory_equal(digest, want, CRAM_DIGEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(example), cmocka_unit_test(is_hmac_md5)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
