/* Parameters are read into segments (name, index, extended, value), sorted by name and index, and
 * each group of one name becomes one parameter: so even many thousand segments in any order cost
 * n log n. */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/num.h"
#include "mail/header.h"
#include "mail/message_private.h"

struct segment {
    struct slice name; /* lower case, without "*0*" */
    struct slice value;
    uint32_t index; /* RFC 2231 3: the number of a continuation */
    bool numbered;
    bool extended; /* RFC 2231 4: percent-encoded, the first with charset and language */
    uint32_t order;
};

static size_t skip_space(struct slice s, size_t at)
{
    while (at < s.n && (ascii_is_space(s.p[at]) || s.p[at] == '('))
        at = s.p[at] == '(' ? mail_comment_end(s, at) : at + 1;
    return at;
}

struct slice params_first(struct slice body, struct slice *rest_out)
{
    size_t start = skip_space(body, 0), end = start;

    while (end < body.n && body.p[end] != ';' && body.p[end] != '(')
        end++;
    struct slice first = slice_trim(slice_sub(body, start, end - start));
    size_t semicolon = slice_find_byte(slice_from(body, end), ';');

    *rest_out = slice_from(body, semicolon == SIZE_MAX ? body.n : end + semicolon);
    return first;
}

static struct slice lower_copy(struct arena *a, struct slice s)
{
    uint8_t *p = arena_alloc(a, s.n);

    if (!p)
        return slice_of(NULL, 0);
    for (size_t i = 0; i < s.n; i++)
        p[i] = ascii_lower(s.p[i]);
    return slice_of(p, s.n);
}

/* "filename*1*" is name, index and the mark of an extended value. */
static void split_name(struct arena *a, struct slice written, struct segment *out)
{
    size_t star;
    uint64_t index;

    if (written.n > 1 && written.p[written.n - 1] == '*') {
        out->extended = true;
        written.n--;
    }
    star = slice_rfind_byte(written, '*');
    if (star != SIZE_MAX && star > 0 && num_parse(slice_from(written, star + 1), 99999, &index)) {
        out->numbered = true;
        out->index = (uint32_t)index;
        written.n = star;
    }
    out->name = lower_copy(a, written);
}

/* A quoted string, or all up to the next semicolon: unquoted spaces are common in file names. */
static struct slice take_value(struct arena *a, struct slice in, size_t *at)
{
    size_t i = skip_space(in, *at);

    if (slice_at(in, i) != '"') {
        size_t start = i;

        while (i < in.n && in.p[i] != ';' && in.p[i] != '(')
            i++;
        *at = i;
        return slice_trim(slice_sub(in, start, i - start));
    }
    size_t close = i + 1, n = 0;

    while (close < in.n && in.p[close] != '"')
        close += in.p[close] == '\\' ? 2 : 1;
    if (close > in.n)
        close = in.n;
    uint8_t *p = arena_alloc(a, close - i);

    for (size_t j = i + 1; p && j < close; j++) {
        if (in.p[j] == '\\' && j + 1 < close)
            j++;
        if (in.p[j] != '\r' && in.p[j] != '\n')
            p[n++] = in.p[j];
    }
    *at = close;
    return slice_of(p, n);
}

static bool next_segment(struct arena *a, struct slice in, size_t *at, struct segment *out)
{
    while (*at < in.n) {
        *at = skip_space(in, *at);
        if (slice_at(in, *at) == ';') {
            (*at)++;
            continue;
        }
        size_t start = *at;

        while (*at < in.n && in.p[*at] != '=' && in.p[*at] != ';' && in.p[*at] != '(')
            (*at)++;
        struct slice name = slice_trim(slice_sub(in, start, *at - start));

        *at = skip_space(in, *at);

        if (slice_at(in, *at) != '=' || name.n == 0) {
            *at += slice_at(in, *at) == '=' || *at == start;
            continue;
        }
        (*at)++;
        *out = (struct segment){.numbered = false};
        split_name(a, name, out);
        out->value = take_value(a, in, at);
        /* Behind a value only a semicolon is of use. */
        while (*at < in.n && in.p[*at] != ';')
            *at = in.p[*at] == '(' ? mail_comment_end(in, *at) : *at + 1;
        return true;
    }
    return false;
}

/* By name; plain before extended before numbered; by index; as written. */
static int by_name(const void *left, const void *right)
{
    const struct segment *l = left, *r = right;
    int order = slice_cmp(l->name, r->name);

    if (order != 0)
        return order;
    if (l->numbered != r->numbered)
        return l->numbered ? 1 : -1;
    if (!l->numbered && l->extended != r->extended)
        return l->extended ? -1 : 1;
    if (l->index != r->index)
        return l->index < r->index ? -1 : 1;
    return l->order < r->order ? -1 : 1;
}

/* RFC 2231 4: charset'language'text; the text with %XX. */
static void decode_percent(struct builder *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        int high = ascii_hex_value(slice_at(s, i + 1));
        int low = ascii_hex_value(slice_at(s, i + 2));

        if (s.p[i] == '%' && high >= 0 && low >= 0) {
            build_byte(out, (uint8_t)(high << 4 | low));
            i += 2;
        } else {
            build_byte(out, s.p[i]);
        }
    }
}

static struct slice take_charset(struct slice *value)
{
    size_t first = slice_find_byte(*value, '\'');
    struct slice rest = slice_from(*value, first == SIZE_MAX ? value->n : first + 1);
    size_t second = slice_find_byte(rest, '\'');

    if (first == SIZE_MAX || second == SIZE_MAX)
        return slice_of(NULL, 0);
    struct slice charset = slice_sub(*value, 0, first);

    *value = slice_from(rest, second + 1);
    return charset;
}

struct joined {
    struct builder raw, octets, text;
};

static void join(struct arena *a, struct joined *j, const struct segment *v, size_t n,
                 struct mail_param *out)
{
    struct slice charset = {NULL, 0};

    build_reset(&j->raw);
    build_reset(&j->octets);
    build_reset(&j->text);
    for (size_t i = 0; i < n; i++) {
        struct slice value = v[i].value;

        build_bytes(&j->raw, value);
        if (v[i].extended && i == 0)
            charset = take_charset(&value);
        if (v[i].extended)
            decode_percent(&j->octets, value);
        else
            build_bytes(&j->octets, value);
    }
    (void)mail_decode_charset(&j->text, charset, build_slice(&j->octets));
    out->value = arena_copy(a, build_slice(&j->text));
    out->raw = arena_copy(a, build_slice(&j->raw));
}

/* Of segments of one name: the plain or extended value, else the continuations in order from the
 * lowest index up to the first gap. */
static size_t group_take(const struct segment *v, size_t n)
{
    size_t k = 1;

    if (!v[0].numbered)
        return 1;
    while (k < n && v[k].index == v[k - 1].index + 1)
        k++;
    return k;
}

struct mail_param_list params_parse(struct arena *a, struct slice rest)
{
    struct mail_param_list none = {NULL, 0};
    size_t count = 0, at = 0, n = 0;

    for (size_t i = 0; i < rest.n && count < MAIL_PARAMS_MAX; i++)
        count += rest.p[i] == '=';
    if (count == 0)
        return none;
    struct segment *v = calloc(count, sizeof(*v));
    struct mail_param *params = ARENA_ARRAY(a, count, struct mail_param);
    struct joined j;

    if (!v || !params) {
        free(v);
        return none;
    }
    while (n < count && next_segment(a, rest, &at, &v[n])) {
        v[n].order = (uint32_t)n;
        n++;
    }
    qsort(v, n, sizeof(*v), by_name);
    build_init(&j.raw, MAIL_HEADER_MAX);
    build_init(&j.octets, MAIL_HEADER_MAX);
    build_init(&j.text, MAIL_HEADER_MAX);
    size_t out_n = 0;

    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && slice_eq(v[end].name, v[i].name); end++)
            ;
        struct mail_param *param = &params[out_n++];
        size_t take = group_take(&v[i], end - i);

        param->name = v[i].name;
        if (take > 1 || v[i].extended || !mail_text_is_utf8(v[i].value))
            join(a, &j, &v[i], take, param);
        else
            param->value = v[i].value;
        if (slice_eq(param->raw, param->value))
            param->raw = slice_of(NULL, 0);
    }
    build_done(&j.raw);
    build_done(&j.octets);
    build_done(&j.text);
    free(v);
    return (struct mail_param_list){params, out_n};
}

struct slice params_find(const struct mail_param *v, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(v[i].name, name))
            return v[i].value.p ? v[i].value : SLICE("");
    return slice_of(NULL, 0);
}
