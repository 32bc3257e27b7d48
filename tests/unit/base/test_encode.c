#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/num.h"

typedef void encoder(struct builder *out, struct slice in);
typedef int decoder(struct builder *out, struct slice in, struct err *err);

/* RFC 4648 10: test vectors. */
static const struct {
    struct slice plain, base64, url, hex;
} vectors[] = {
    {SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("")},
    {SLICE_INIT("f"), SLICE_INIT("Zg=="), SLICE_INIT("Zg"), SLICE_INIT("66")},
    {SLICE_INIT("fo"), SLICE_INIT("Zm8="), SLICE_INIT("Zm8"), SLICE_INIT("666f")},
    {SLICE_INIT("foo"), SLICE_INIT("Zm9v"), SLICE_INIT("Zm9v"), SLICE_INIT("666f6f")},
    {SLICE_INIT("foob"), SLICE_INIT("Zm9vYg=="), SLICE_INIT("Zm9vYg"), SLICE_INIT("666f6f62")},
    {SLICE_INIT("fooba"), SLICE_INIT("Zm9vYmE="), SLICE_INIT("Zm9vYmE"), SLICE_INIT("666f6f6261")},
    {SLICE_INIT("foobar"), SLICE_INIT("Zm9vYmFy"), SLICE_INIT("Zm9vYmFy"),
     SLICE_INIT("666f6f626172")},
    {SLICE_INIT("\xfb\xff\xbf"), SLICE_INIT("+/+/"), SLICE_INIT("-_-_"), SLICE_INIT("fbffbf")},
};

static void check_encodes(encoder *encode, struct slice in, struct slice expected)
{
    struct builder b;

    /* The maximum is exactly what is needed. */
    build_init(&b, expected.n);
    encode(&b, in);
    assert_true(build_ok(&b));
    assert_true(slice_eq(build_slice(&b), expected));
    build_done(&b);
    if (expected.n) {
        build_init(&b, expected.n - 1);
        encode(&b, in);
        assert_false(build_ok(&b));
        build_done(&b);
    }
}

static void check_decodes(decoder *decode, struct slice in, struct slice expected)
{
    struct builder b;
    struct err err;

    build_init(&b, expected.n);
    assert_int_equal(decode(&b, in, &err), 0);
    assert_true(slice_eq(build_slice(&b), expected));
    build_done(&b);
    if (expected.n) {
        build_init(&b, expected.n - 1);
        assert_int_equal(decode(&b, in, &err), -ERR_LIMIT);
        build_done(&b);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        check_encodes(encode_base64, vectors[i].plain, vectors[i].base64);
        check_encodes(encode_base64url, vectors[i].plain, vectors[i].url);
        check_encodes(encode_hex, vectors[i].plain, vectors[i].hex);
        check_decodes(decode_base64, vectors[i].base64, vectors[i].plain);
        check_decodes(decode_base64url, vectors[i].url, vectors[i].plain);
        check_decodes(decode_hex, vectors[i].hex, vectors[i].plain);
    }
}

static void test_decode_of_encode_is_identity(void **state)
{
    static const struct {
        encoder *encode;
        decoder *decode;
    } codecs[] = {{encode_base64, decode_base64},
                  {encode_base64url, decode_base64url},
                  {encode_hex, decode_hex}};
    uint8_t plain[300];

    (void)state;
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 167 + i / 3);
    for (size_t c = 0; c < ARRAY_SIZE(codecs); c++) {
        for (size_t n = 0; n <= sizeof(plain); n++) {
            struct builder text;

            build_init(&text, 1000);
            codecs[c].encode(&text, slice_of(plain, n));
            check_decodes(codecs[c].decode, build_slice(&text), slice_of(plain, n));
            build_done(&text);
        }
    }
}

static void test_rejects(void **state)
{
    static const struct {
        const char *name;
        decoder *decode;
        struct slice in;
        size_t offset;
    } rows[] = {
        {"missing padding", decode_base64, SLICE_INIT("Zg"), 2},
        {"one character", decode_base64, SLICE_INIT("Z"), 1},
        {"only padding", decode_base64, SLICE_INIT("===="), 0},
        {"three paddings", decode_base64, SLICE_INIT("Z==="), 1},
        {"padding inside", decode_base64, SLICE_INIT("Zg==Zg=="), 2},
        {"white space", decode_base64, SLICE_INIT("Zm 9"), 2},
        {"line end", decode_base64, SLICE_INIT("Zm9v\r\n\r\n"), 4},
        {"trailing bits of one octet", decode_base64, SLICE_INIT("Zh=="), 1},
        {"trailing bits of two octets", decode_base64, SLICE_INIT("Zm9="), 2},
        {"other alphabet", decode_base64, SLICE_INIT("-_-_"), 0},
        {"octet over 127", decode_base64, SLICE_INIT("Zm\xff\xff"), 2},
        {"padding in url", decode_base64url, SLICE_INIT("Zg=="), 2},
        {"standard alphabet in url", decode_base64url, SLICE_INIT("+AAA"), 0},
        {"length 1 mod 4 in url", decode_base64url, SLICE_INIT("Zm9vA"), 5},
        {"trailing bits in url", decode_base64url, SLICE_INIT("Zh"), 1},
        {"odd number of digits", decode_hex, SLICE_INIT("666"), 2},
        {"not a digit", decode_hex, SLICE_INIT("66fg"), 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct builder b;
        struct err err = {0};

        build_init(&b, 100);
        int rc = rows[i].decode(&b, rows[i].in, &err);

        if (rc != -ERR_SYNTAX || err.kind != ERR_SYNTAX || err.offset != rows[i].offset)
            fail_msg("%s: rc %d, offset %zu", rows[i].name, rc, err.offset);
        build_reset(&b);
        assert_int_equal(rows[i].decode(&b, rows[i].in, NULL), -ERR_SYNTAX);
        build_done(&b);
    }
}

static void test_upper_case_hex_is_read(void **state)
{
    (void)state;
    check_decodes(decode_hex, SLICE("C3a4"), SLICE("\xc3\xa4"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_decode_of_encode_is_identity),
        cmocka_unit_test(test_rejects),
        cmocka_unit_test(test_upper_case_hex_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
