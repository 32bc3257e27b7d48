/* fuzz: dep_base
 * decode(encode(x)) = x, and encode(decode(y)) = y for every y that is taken (hexadecimal digits in
 * lower case). */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void encoder(struct builder *out, struct slice in);
typedef int decoder(struct builder *out, struct slice in, struct err *err);

static void check(encoder *encode, decoder *decode, struct slice in, bool fold)
{
    struct builder a, b;
    struct err err;

    build_init(&a, in.n * 2 + 4);
    build_init(&b, in.n * 2 + 4);
    encode(&a, in);
    if (!build_ok(&a) || decode(&b, build_slice(&a), &err) < 0 || !slice_eq(build_slice(&b), in))
        abort();
    build_reset(&a);
    build_reset(&b);
    if (decode(&a, in, &err) == 0) {
        encode(&b, build_slice(&a));
        if (fold ? !slice_eq_nocase(build_slice(&b), in) : !slice_eq(build_slice(&b), in))
            abort();
    } else if (err.kind != ERR_SYNTAX || err.offset > in.n) {
        abort();
    }
    build_done(&a);
    build_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);

    check(encode_base64, decode_base64, in, false);
    check(encode_base64url, decode_base64url, in, false);
    check(encode_hex, decode_hex, in, true);
    return 0;
}
