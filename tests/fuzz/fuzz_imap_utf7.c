/* fuzz: dep_imap */
/* What decodes encodes to itself; whatever is encoded decodes. */
#include <stdlib.h>

#include "base/utf8.h"
#include "imap/utf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    struct builder one, two;
    struct err err;

    build_init(&one, 1 << 20);
    build_init(&two, 1 << 20);
    if (imap_utf7_decode(&one, in, &err) == 0) {
        imap_utf7_encode(&two, build_slice(&one));
        if (!slice_eq(build_slice(&two), in))
            abort();
    }
    build_reset(&one);
    build_reset(&two);
    imap_utf7_encode(&one, in);
    /* Control characters and DEL are encoded too, and come back. */
    if (utf8_valid(in) &&
        (imap_utf7_decode(&two, build_slice(&one), &err) < 0 || !slice_eq(build_slice(&two), in)))
        abort();
    build_done(&one);
    build_done(&two);
    return 0;
}
