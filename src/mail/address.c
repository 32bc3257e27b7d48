/* One pass over the field, no recursion. Words are collected twice, as a display name (joined by
 * one space) and as a localpart (joined by nothing); the next special character says which of the
 * two was meant. */
#include "mail/address.h"

#include "base/ascii.h"
#include "base/builder.h"
#include "mail/message.h"

struct scan {
    struct arena *a;
    struct slice in;
    size_t at;
    struct builder name, localpart, domain;
    struct slice comment; /* the last one, without its parentheses */
    bool space;           /* white space or a comment since the last word */
    bool bad;             /* the item breaks the grammar */
    bool has_local;       /* a localpart, perhaps the empty one: "" */
    bool many_words;      /* "Joe Smith" may be a name, but not a localpart */
    bool has_domain;
    bool in_group;
    struct mail_address *v;
    size_t n, cap;
};

static int peek(const struct scan *s)
{
    return slice_at(s->in, s->at);
}

/* RFC 5322 3.2.2: comments nest; one that never ends reaches to the end of the field. */
static void skip_comment(struct scan *s)
{
    size_t depth = 0, start = s->at + 1;

    for (; s->at < s->in.n; s->at++) {
        int c = s->in.p[s->at];

        if (c == '\\') {
            s->at++;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            s->comment = slice_trim(slice_sub(s->in, start, s->at - start));
            s->at++;
            return;
        }
    }
    s->at = s->in.n;
}

static void skip_space(struct scan *s)
{
    for (int c = peek(s); c == '(' || ascii_is_space(c); c = peek(s)) {
        s->space = true;
        if (c == '(')
            skip_comment(s);
        else
            s->at++;
    }
}

static bool is_special(int c)
{
    return c < 0 || ascii_is_space(c) || memchr("()<>[]:;@\\,\"", c, 12) != NULL;
}

static void quoted_string(struct scan *s, struct builder *out)
{
    s->at++;
    for (; s->at < s->in.n; s->at++) {
        int c = s->in.p[s->at];

        if (c == '"') {
            s->at++;
            return;
        }
        if (c == '\\' && s->at + 1 < s->in.n)
            c = s->in.p[++s->at];
        if (c != '\r' && c != '\n')
            build_byte(out, (uint8_t)c);
    }
    s->bad = true;
}

/* A word for both readings. Dots are part of atoms here: display names hold them in practice. */
static void take_word(struct scan *s)
{
    size_t name_start = s->name.n;

    if (s->has_local && s->space && peek(s) != '.' &&
        slice_at(build_slice(&s->localpart), s->localpart.n - 1) != '.')
        s->many_words = true;
    s->has_local = true;
    if (s->space && name_start > 0) {
        build_byte(&s->name, ' ');
        name_start++;
    }
    s->space = false;
    if (peek(s) == '"') {
        quoted_string(s, &s->name);
    } else {
        size_t start = s->at;

        while (!is_special(peek(s)))
            s->at++;
        build_bytes(&s->name, slice_sub(s->in, start, s->at - start));
    }
    build_bytes(&s->localpart, slice_from(build_slice(&s->name), name_start));
}

/* Behind the @: a dot-atom with white space around its dots, or a literal. */
static void take_domain(struct scan *s)
{
    s->at++;
    s->has_domain = true;
    skip_space(s);
    if (peek(s) == '[') {
        size_t end = slice_find_byte(slice_from(s->in, s->at), ']');

        if (end == SIZE_MAX) {
            s->bad = true;
            s->at = s->in.n;
            return;
        }
        build_bytes(&s->domain, slice_sub(s->in, s->at, end + 1));
        s->at += end + 1;
    } else {
        bool dot = true;

        for (int c = peek(s); !is_special(c) && (dot || c == '.'); c = peek(s)) {
            size_t start = s->at;

            while (!is_special(peek(s)))
                s->at++;
            build_bytes(&s->domain, slice_sub(s->in, start, s->at - start));
            dot = s->in.p[s->at - 1] == '.';
            skip_space(s);
        }
    }
    skip_space(s);
    if (s->domain.n == 0)
        s->bad = true;
}

/* RFC 5322 4.4: "<@a,@b:joe@c>"; the route says nothing any more. */
static void skip_route(struct scan *s)
{
    while (peek(s) == '@' || peek(s) == ',') {
        s->at++;
        while (!is_special(peek(s)))
            s->at++;
        skip_space(s);
    }
    if (peek(s) == ':')
        s->at++;
    else
        s->bad = true;
}

static void take_angle(struct scan *s)
{
    struct slice keep = build_slice(&s->name);

    s->at++;
    build_reset(&s->localpart);
    s->has_local = s->many_words = false;
    skip_space(s);
    if (peek(s) == '@')
        skip_route(s);
    for (skip_space(s); peek(s) == '"' || !is_special(peek(s)); skip_space(s)) {
        s->has_local = true;
        if (peek(s) == '"') {
            quoted_string(s, &s->localpart);
        } else {
            size_t start = s->at;

            while (!is_special(peek(s)))
                s->at++;
            build_bytes(&s->localpart, slice_sub(s->in, start, s->at - start));
        }
    }
    if (peek(s) == '@')
        take_domain(s);
    else
        s->bad = true;
    if (peek(s) == '>')
        s->at++;
    else
        s->bad = true;
    skip_space(s);
    s->name.n = keep.n;
}

static void add(struct scan *s, struct mail_address item)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;

        if (s->n >= MAIL_ADDRESSES_MAX)
            return;
        struct mail_address *v = ARENA_ARRAY(s->a, cap, struct mail_address);

        if (!v)
            return;
        if (s->n)
            memcpy(v, s->v, s->n * sizeof(*v));
        s->v = v;
        s->cap = cap;
    }
    if (s->n < MAIL_ADDRESSES_MAX)
        s->v[s->n++] = item;
}

static void add_mailbox(struct scan *s)
{
    struct slice name = build_slice(&s->name);
    struct mail_address item = {.kind = MAIL_ADDRESS_MAILBOX};

    if (!s->bad && s->has_domain && s->has_local && !s->many_words) {
        item.localpart = arena_copy(s->a, build_slice(&s->localpart));
        item.domain = arena_copy(s->a, build_slice(&s->domain));
    }
    /* An old habit: joe@example.org (Joe Smith). */
    if (name.n == 0)
        name = s->comment;
    if (name.n)
        item.name = arena_copy(s->a, name);
    add(s, item);
}

static void reset_item(struct scan *s)
{
    build_reset(&s->name);
    build_reset(&s->localpart);
    build_reset(&s->domain);
    s->comment = slice_of(NULL, 0);
    s->space = s->bad = s->has_domain = s->has_local = s->many_words = false;
}

/* Whatever stands before the next comma or semicolon makes the item unreadable. */
static void skip_junk(struct scan *s)
{
    for (int c = peek(s); c >= 0 && c != ',' && !(c == ';' && s->in_group); c = peek(s)) {
        s->bad = true;
        if (c == '"') {
            build_reset(&s->domain);
            quoted_string(s, &s->domain);
        } else if (c == '(') {
            skip_comment(s);
        } else {
            s->at++;
        }
    }
}

static void take_item(struct scan *s)
{
    reset_item(s);
    for (skip_space(s); peek(s) == '"' || !is_special(peek(s)); skip_space(s))
        take_word(s);
    int c = peek(s);
    bool phrase = s->name.n > 0;

    if (c == ':' && phrase && !s->in_group && !s->bad) {
        s->at++;
        s->in_group = true;
        add(s, (struct mail_address){.name = arena_copy(s->a, build_slice(&s->name)),
                                     .kind = MAIL_ADDRESS_GROUP_START});
        return;
    }
    if (c == '@') {
        take_domain(s);
        build_reset(&s->name);
    } else if (c == '<') {
        take_angle(s);
        phrase = true;
    }
    skip_junk(s);
    if (phrase || s->bad || s->has_domain)
        add_mailbox(s);
    if (peek(s) == ',') {
        s->at++;
    } else if (peek(s) == ';') {
        s->at++;
        s->in_group = false;
        add(s, (struct mail_address){.kind = MAIL_ADDRESS_GROUP_END});
    }
}

int mail_address_list_parse(struct arena *a, struct slice body, struct mail_address_list *out,
                            struct err *err)
{
    struct scan s = {.a = a, .in = body};

    build_init(&s.name, body.n + 1);
    build_init(&s.localpart, body.n + 1);
    build_init(&s.domain, body.n + 1);
    while (s.at < s.in.n && s.n < MAIL_ADDRESSES_MAX)
        take_item(&s);
    if (s.in_group)
        add(&s, (struct mail_address){.kind = MAIL_ADDRESS_GROUP_END});
    bool ok = build_ok(&s.name) && build_ok(&s.localpart) && build_ok(&s.domain);

    build_done(&s.name);
    build_done(&s.localpart);
    build_done(&s.domain);
    if (!ok || arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    *out = (struct mail_address_list){s.v, s.n};
    return 0;
}
