/* fuzz: dep_base
 * The first half of the input says which steps to take over the second half. No step may leave the
 * input, go back, or do anything after a failure. */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice step(struct cursor *c, uint8_t what)
{
    switch (what % 9) {
    case 0:
        return cur_take(c, what / 9, "take");
    case 1:
        return cur_span(c, ascii_is_alnum, what / 64, "span");
    case 2:
        return cur_until(c, what, "until");
    case 3:
        (void)cur_number(c, what & 16 ? UINT64_MAX : what, "number");
        return (struct slice){NULL, 0};
    case 4:
        cur_byte(c, what, "byte");
        return (struct slice){NULL, 0};
    case 5:
        (void)cur_eat_nocase(c, SLICE("OK"));
        return (struct slice){NULL, 0};
    case 6:
        (void)cur_eat_text(c, SLICE("\r\n"));
        return (struct slice){NULL, 0};
    case 7:
        (void)cur_eat(c, what);
        return (struct slice){NULL, 0};
    default:
        cur_end(c, "end");
        return (struct slice){NULL, 0};
    }
}

static void require(bool law)
{
    if (!law)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_of(data, size);
    struct slice steps = slice_sub(in, 0, size / 2), text = slice_from(in, size / 2);
    struct cursor c = cur_init(text);

    for (size_t i = 0; i < steps.n; i++) {
        size_t before = c.at;
        bool ok = cur_ok(&c);
        struct slice got = step(&c, steps.p[i]);

        require(c.at >= before && c.at <= text.n);
        require(ok || (c.at == before && got.n == 0));
        require(got.n == 0 || (got.p == text.p + before && got.n == c.at - before));
        require(cur_rest(&c).n == (cur_ok(&c) ? text.n - c.at : 0));
    }
    return 0;
}
