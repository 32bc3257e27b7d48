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
        at = s.p[at] == '(' ? mail_comment_end(s, at, NULL) : at + 1;
    return at;
}

bool params_is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_graph(s.p[i]) || memchr("()<>@,;:\\\"/[]?=", s.p[i], 15))
            return false;
    return s.n > 0;
}

/* The text without its comments. */
static struct slice without_comments(struct arena *a, struct slice s)
{
    uint8_t *p = arena_alloc(a, s.n);
    size_t n = 0;

    for (size_t i = 0; p && i < s.n;) {
        if (s.p[i] == '(')
            i = mail_comment_end(s, i, NULL);
        else
            p[n++] = s.p[i++];
    }
    return slice_of(p, n);
}

struct slice params_first(struct arena *a, struct slice body, struct slice *rest_out)
{
    size_t start = skip_space(body, 0), end = start, text_end = start;
    bool comments = false;

    /* A comment at the end is just left out; one within makes a copy necessary. */
    while (end < body.n && body.p[end] != ';') {
        if (body.p[end] == '(') {
            end = mail_comment_end(body, end, NULL);
        } else {
            comments = comments || (text_end < end && !ascii_is_space(body.p[end]));
            end++;
            if (!comments && !ascii_is_space(body.p[end - 1]))
                text_end = end;
        }
    }
    struct slice first = slice_sub(body, start, text_end - start);

    if (comments)
        first = slice_trim(without_comments(a, slice_sub(body, start, end - start)));
    *rest_out = slice_from(body, end);
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

/* All up to the next semicolon: unquoted spaces are common in file names. A comment ends the value
 * when nothing but a semicolon follows it; else its parentheses belong to the value, as in an
 * unquoted "report (1).pdf". */
static struct slice take_unquoted(struct slice in, size_t *at, bool *bad)
{
    size_t start = *at, i = start, end = start;

    while (i < in.n && in.p[i] != ';') {
        bool comment = in.p[i] == '(';

        end = i;
        i = comment ? skip_space(in, i) : i + 1;
        if (!comment || (i < in.n && in.p[i] != ';'))
            end = i;
    }
    struct slice value = slice_trim(slice_sub(in, start, end - start));

    *bad = *bad || !params_is_token(value);
    *at = i;
    return value;
}

static struct slice take_quoted(struct arena *a, struct slice in, size_t *at, bool *bad)
{
    size_t close = *at + 1, n = 0;

    while (close < in.n && in.p[close] != '"')
        close += in.p[close] == '\\' ? 2 : 1;
    if (close >= in.n) {
        close = in.n;
        *bad = true;
    }
    uint8_t *p = arena_alloc(a, close - *at);

    for (size_t j = *at + 1; p && j < close; j++) {
        if (in.p[j] == '\\' && j + 1 < close)
            j++;
        if (in.p[j] != '\r' && in.p[j] != '\n')
            p[n++] = in.p[j];
    }
    *at = close < in.n ? close + 1 : close;
    return slice_of(p, n);
}

static struct slice take_value(struct arena *a, struct slice in, size_t *at, bool *bad)
{
    *at = skip_space(in, *at);
    if (slice_at(in, *at) != '"')
        return take_unquoted(in, at, bad);
    struct slice value = take_quoted(a, in, at, bad);

    /* Behind a value only a semicolon is of use. */
    *at = skip_space(in, *at);
    if (*at < in.n && in.p[*at] != ';')
        *bad = true;
    while (*at < in.n && in.p[*at] != ';')
        *at = in.p[*at] == '(' ? mail_comment_end(in, *at, NULL) : *at + 1;
    return value;
}

static bool next_segment(struct arena *a, struct slice in, size_t *at, struct segment *out,
                         bool *bad)
{
    bool empty = false; /* a semicolon was passed, and nothing behind it yet */

    while (*at < in.n) {
        *at = skip_space(in, *at);
        if (slice_at(in, *at) == ';') {
            *bad = *bad || empty;
            empty = true;
            (*at)++;
            continue;
        }
        size_t start = *at;

        while (*at < in.n && in.p[*at] != '=' && in.p[*at] != ';' && in.p[*at] != '(')
            (*at)++;
        struct slice name = slice_trim(slice_sub(in, start, *at - start));

        *at = skip_space(in, *at);
        if (slice_at(in, *at) != '=' || name.n == 0) {
            *bad = *bad || *at < in.n || name.n > 0;
            *at += slice_at(in, *at) == '=' || *at == start;
            continue;
        }
        (*at)++;
        *bad = *bad || !params_is_token(name);
        *out = (struct segment){.numbered = false};
        split_name(a, name, out);
        out->value = take_value(a, in, at, bad);
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
 * lowest index up to the first gap. What is left out of `v` stood there twice. */
static size_t group_take(struct segment *v, size_t n, bool *repeated)
{
    size_t k = 1, i = 1;

    for (; i < n && v[i].numbered == v[0].numbered; i++) {
        bool same = v[0].numbered ? v[i].index == v[k - 1].index : v[i].extended == v[0].extended;

        if (same)
            *repeated = true;
        else if (!v[0].numbered || v[i].index != v[k - 1].index + 1)
            break;
        else
            v[k++] = v[i];
    }
    return k;
}

struct mail_param_list params_parse(struct arena *a, struct slice rest)
{
    struct mail_param_list none = {.bad = false}, list = none;
    size_t count = 0, at = 0, n = 0;
    struct segment extra;

    for (size_t i = 0; i < rest.n && count < MAIL_PARAMS_MAX; i++)
        count += rest.p[i] == '=';
    if (count == 0) {
        (void)next_segment(a, rest, &at, &extra, &list.bad);
        return list;
    }
    struct segment *v = calloc(count, sizeof(*v));
    struct mail_param *params = ARENA_ARRAY(a, count, struct mail_param);
    struct joined j;

    if (!v || !params) {
        free(v);
        return none;
    }
    while (n < count && next_segment(a, rest, &at, &v[n], &list.bad)) {
        v[n].order = (uint32_t)n;
        n++;
    }
    /* What is left holds no parameter, or is beyond the limit. */
    if (n == count && next_segment(a, rest, &at, &extra, &list.bad))
        list.bad = true;
    qsort(v, n, sizeof(*v), by_name);
    build_init(&j.raw, MAIL_HEADER_MAX);
    build_init(&j.octets, MAIL_HEADER_MAX);
    build_init(&j.text, MAIL_HEADER_MAX);
    size_t out_n = 0;

    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && slice_eq(v[end].name, v[i].name); end++)
            ;
        struct mail_param *param = &params[out_n++];
        size_t take = group_take(&v[i], end - i, &list.repeated);

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
    list.v = params;
    list.n = out_n;
    return list;
}

struct slice params_find(const struct mail_param *v, size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(v[i].name, name))
            return v[i].value.p ? v[i].value : SLICE("");
    return slice_of(NULL, 0);
}
