/* fuzz: dep_mail
 * Decoded words are valid UTF-8 and at most three octets for one. */
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;

    if (size > 65536)
        return 0;
    arena_init(&a, 1 << 20);
    struct slice out = mail_words_decode(&a, slice_of(data, size));

    if (arena_failed(&a) || !utf8_valid(out) || out.n > size * 3 + 16)
        abort();
    arena_done(&a);
    return 0;
}
