#include "store/keywords.h"

#include "base/ascii.h"
#include "base/builder.h"
#include "base/num.h"
#include "rpc/call.h"

/* The next keyword of a stored set, which is taken off its front. */
static struct slice word_take(struct slice *rest)
{
    size_t end = slice_find_byte(*rest, ' ');
    struct slice word = slice_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? slice_of(NULL, 0) : slice_from(*rest, end + 1);
    return word;
}

static int finish(struct arena *a, struct builder *b, struct slice *out, struct err *err)
{
    bool ok = build_ok(b);

    *out = arena_copy(a, build_slice(b));
    build_done(b);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    return ok ? 0 : err_set(err, ERR_LIMIT, "too many keywords");
}

static void word_add(struct builder *b, struct slice word)
{
    if (b->n > 0)
        build_byte(b, ' ');
    build_bytes(b, word);
}

/* Walks two sorted sets together. */
static int merge(struct arena *a, struct slice x, struct slice y, bool with_y, struct slice *out,
                 struct err *err)
{
    struct builder b;
    struct slice in_x = word_take(&x), in_y = word_take(&y);

    build_init(&b, KEYWORDS_MAX);
    while (in_x.n > 0 || in_y.n > 0) {
        int order = in_x.n == 0 ? 1 : in_y.n == 0 ? -1 : slice_cmp(in_x, in_y);

        if (order < 0 || (order == 0 && with_y))
            word_add(&b, in_x);
        if (order > 0 && with_y)
            word_add(&b, in_y);
        if (order <= 0)
            in_x = word_take(&x);
        if (order >= 0)
            in_y = word_take(&y);
    }
    return finish(a, &b, out, err);
}

int keywords_union(struct arena *a, struct slice x, struct slice y, struct slice *out,
                   struct err *err)
{
    return merge(a, x, y, /* with_y= */ true, out, err);
}

int keywords_without(struct arena *a, struct slice x, struct slice y, struct slice *out,
                     struct err *err)
{
    return merge(a, x, y, /* with_y= */ false, out, err);
}

static bool is_keyword(struct slice word)
{
    static const struct slice flags[] = {SLICE_INIT("$forwarded"), SLICE_INIT("$junk"),
                                         SLICE_INIT("$notjunk"), SLICE_INIT("$phishing"),
                                         SLICE_INIT("$mdnsent")};

    if (word.n == 0 || word.n > KEYWORD_MAX)
        return false;
    for (size_t i = 0; i < word.n; i++) {
        if (!ascii_is_graph(word.p[i]) ||
            slice_find_byte(SLICE("(){%*\"\\]"), word.p[i]) != SIZE_MAX)
            return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        if (slice_eq(word, flags[i]))
            return false;
    }
    return true;
}

int keywords_from_request(struct arena *a, const ProtobufCBinaryData *v, size_t n,
                          struct slice *out, struct err *err)
{
    struct slice set = SLICE("");

    for (size_t i = 0; i < n; i++) {
        struct slice word = arena_copy(a, rpc_slice(v[i]));

        for (size_t k = 0; k < word.n; k++)
            ((uint8_t *)word.p)[k] = ascii_lower(word.p[k]);
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "out of memory");
        if (!is_keyword(word))
            return err_set(err, ERR_INVALID, "a keyword is not valid");
        int rc = keywords_union(a, set, word, &set, err);

        if (rc < 0)
            return rc;
    }
    *out = set;
    return 0;
}

int keywords_to_response(struct arena *a, struct slice keywords, ProtobufCBinaryData **out,
                         size_t *n_out, struct err *err)
{
    size_t n = keywords.n > 0 ? 1 : 0;

    for (size_t i = 0; i < keywords.n; i++)
        n += keywords.p[i] == ' ';
    struct slice rest = arena_copy(a, keywords);
    ProtobufCBinaryData *v = ARENA_ARRAY(a, n, ProtobufCBinaryData);

    if (!v || arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        v[i] = rpc_bytes(word_take(&rest));
    *out = v;
    *n_out = n;
    return 0;
}
