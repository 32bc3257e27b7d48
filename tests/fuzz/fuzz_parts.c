/* fuzz: dep_mail
 * Stored part trees, and stored structures, from arbitrary octets. */
#include <stdlib.h>

#include "base/num.h"
#include "mail/message.h"
#include "mail/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t paths[][3] = {{1, 1, 1}, {2, 1, 2}, {1, 3, 1}, {0, 1, 1}};
    struct arena a;
    struct part_entry *v;
    struct err err;
    struct builder out;
    size_t n;

    arena_init(&a, MAIL_ARENA_MAX);
    if (parts_read(&a, slice_of(data, size), &v, &n, &err) == 0) {
        for (size_t i = 0; i < n; i++)
            if (v[i].header_at > v[i].body_at || v[i].body_at > v[i].end_at)
                abort();
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
            for (size_t k = 0; k <= 3; k++)
                if (parts_find(v, n, paths[i], k) >= (int)n)
                    abort();
    }
    arena_done(&a);
    build_init(&out, size + 1);
    render_body_of_structure(&out, slice_of(data, size));
    if (!build_ok(&out) || out.n > size)
        abort();
    build_done(&out);
    return 0;
}
