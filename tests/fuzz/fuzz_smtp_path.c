/* fuzz: dep_smtp */
/* Paths, domains, xtext. Laws: what was accepted as a path is accepted again as it was kept, with
 * the same address, and has no control octets. */
#include <stdlib.h>

#include "base/ascii.h"
#include "smtp/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(struct arena *a, const struct smtp_path *path)
{
    struct smtp_path again;
    uint8_t *text = arena_alloc(a, path->text.n + 2);

    if (text == NULL)
        return;
    text[0] = '<';
    memcpy(text + 1, path->text.p, path->text.n);
    text[path->text.n + 1] = '>';
    struct cursor c = cur_init(slice_of(text, path->text.n + 2));

    if (!smtp_path_parse(a, &c, SMTP_PATH_FORWARD, &again) || !cur_at_end(&c) ||
        !slice_eq(again.address, path->address))
        abort();
    for (size_t i = 0; i < path->text.n; i++)
        if (ascii_is_control(path->text.p[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size), decoded;
    struct arena a;

    arena_init(&a, 1 << 20);
    for (int kind = SMTP_PATH_REVERSE; kind <= SMTP_PATH_FORWARD; kind++) {
        struct cursor c = cur_init(in);
        struct smtp_path path = {0};

        if (smtp_path_parse(&a, &c, (enum smtp_path_kind)kind, &path) && cur_ok(&c) && !path.null)
            check_again(&a, &path);
    }
    if (smtp_xtext_decode(&a, in, &decoded) && decoded.n > in.n)
        abort();
    if (smtp_domain_valid(in) && smtp_literal_valid(in))
        abort();
    arena_done(&a);
    return 0;
}
