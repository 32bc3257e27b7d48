/* fuzz: dep_mail
 * Fields are pieces of the block, in order, and can be parsed again. */
#include <stdlib.h>

#include "mail/header.h"
#include "mail/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct mail_header h, again;
    struct err err;
    const uint8_t *at = data;

    arena_init(&a, MAIL_ARENA_MAX);
    if (size > MAIL_HEADER_MAX || mail_header_parse(&a, slice_of(data, size), &h, &err) < 0) {
        arena_done(&a);
        return 0;
    }
    for (size_t i = 0; i < h.n && i < 50; i++) {
        const struct mail_field *f = &h.fields[i];

        if (f->raw.p < at || f->raw.p + f->raw.n > data + size || f->name.n == 0)
            abort();
        at = f->raw.p + f->raw.n;
        if (mail_header_parse(&a, f->raw, &again, &err) < 0 || again.n != 1)
            abort();
        if (mail_header_count(&h, f->name) == 0 || !mail_header_find(&h, f->name, 0))
            abort();
        struct slice unfolded = mail_field_unfold(&a, f->body);

        if (!arena_failed(&a) && slice_find(unfolded, SLICE("\r\n")) != SIZE_MAX)
            abort();
    }
    arena_done(&a);
    return 0;
}
