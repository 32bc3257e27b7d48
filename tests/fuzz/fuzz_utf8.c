/* fuzz: dep_base
 * What is cleaned is valid; what is valid is not changed by cleaning; a cut never splits a
 * character. */
#include <stdlib.h>

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    struct builder clean, again;

    build_init(&clean, size * 3 + 1);
    build_init(&again, size * 3 + 1);
    utf8_append_clean(&clean, in);
    require(build_ok(&clean) && utf8_valid(build_slice(&clean)));
    require(!utf8_valid(in) || slice_eq(build_slice(&clean), in));
    require(!utf8_is_ascii(in) || utf8_valid(in));
    for (size_t n = 0; n <= clean.n && n < 40; n++) {
        struct slice cut = utf8_cut(build_slice(&clean), n);

        require(cut.n <= n && n - cut.n < 4 && utf8_valid(cut));
    }
    for (struct slice rest = build_slice(&clean); rest.n > 0;) {
        uint32_t code;
        size_t n;

        require(utf8_decode(rest, &code, &n) && n <= rest.n);
        utf8_append(&again, code);
        rest = slice_from(rest, n);
    }
    require(slice_eq(build_slice(&clean), build_slice(&again)));
    build_done(&clean);
    build_done(&again);
    return 0;
}
