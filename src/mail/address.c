/* One pass over the field, no recursion. Words are collected twice, as a display name (joined by
 * one space) and as a localpart (joined by nothing); the next special character says which of the
 * two was meant. */
#include "mail/address.h"

#include "base/ascii.h"
#include "base/builder.h"
#include "mail/message_private.h"

struct scan {
    struct arena *a;
    struct slice in;
    size_t at, item_at; /* where the item begins */
    struct builder name, localpart, domain;
    struct slice comment; /* the last one, without its parentheses */
    bool space;           /* white space or a comment since the last word */
    bool dot;             /* the localpart is empty, or ends in a dot that was not quoted */
    bool odd_dots;        /* ".a", "a..b": found in mail, but not in the grammar */
    bool bad;             /* the item breaks the grammar */
    bool has_local;       /* a localpart, perhaps the empty one: "" */
    bool many_words;      /* "Joe Smith" may be a name, but not a localpart */
    bool has_domain;
    bool in_group;
    bool list_bad, list_obsolete;
    struct mail_address *v;
    size_t n, cap;
};

static int peek(const struct scan *s)
{
    return slice_at(s->in, s->at);
}

static void skip_comment(struct scan *s)
{
    size_t start = s->at;
    bool closed;

    s->at = mail_comment_end(s->in, start, &closed);
    if (closed)
        s->comment = slice_trim(slice_sub(s->in, start + 1, s->at - start - 2));
    else
        s->list_bad = true;
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

static struct slice take_atom(struct scan *s)
{
    size_t start = s->at;

    while (!is_special(peek(s)))
        s->at++;
    return slice_sub(s->in, start, s->at - start);
}

/* RFC 5322 4.4: obs-local-part has white space around its dots. */
static void note_dots(struct scan *s, struct slice atom)
{
    for (size_t i = 0; i < atom.n; i++) {
        bool dot = atom.p[i] == '.';

        s->odd_dots = s->odd_dots || (dot && s->dot);
        s->dot = dot;
    }
}

/* A quoted string or an atom into *out. */
static void take_piece(struct scan *s, struct builder *out)
{
    if (peek(s) == '"') {
        quoted_string(s, out);
        s->dot = false;
    } else {
        struct slice atom = take_atom(s);

        note_dots(s, atom);
        build_bytes(out, atom);
    }
}

/* A word for both readings. Dots are part of atoms here: display names hold them in practice. */
static void take_word(struct scan *s)
{
    size_t name_start = s->name.n;

    if (s->has_local && s->space && peek(s) != '.' && !s->dot)
        s->many_words = true;
    s->has_local = true;
    if (s->space && name_start > 0) {
        build_byte(&s->name, ' ');
        name_start++;
    }
    s->space = false;
    take_piece(s, &s->name);
    build_bytes(&s->localpart, slice_from(build_slice(&s->name), name_start));
}

/* RFC 5322 3.4.1: "[192.0.2.1]"; white space within means nothing. */
static void take_literal(struct scan *s)
{
    build_byte(&s->domain, '[');
    for (s->at++; s->at < s->in.n; s->at++) {
        int c = s->in.p[s->at];

        if (c == ']') {
            s->at++;
            build_byte(&s->domain, ']');
            return;
        }
        if (c == '[')
            break;
        if (c == '\\' && s->at + 1 < s->in.n)
            c = s->in.p[++s->at];
        if (!ascii_is_space(c))
            build_byte(&s->domain, (uint8_t)c);
    }
    s->bad = true;
    s->at = s->in.n;
}

/* Behind the @: a dot-atom with white space around its dots, or a literal. */
static void take_domain(struct scan *s)
{
    s->odd_dots = s->odd_dots || s->dot;
    s->at++;
    s->has_domain = true;
    skip_space(s);
    if (peek(s) == '[') {
        take_literal(s);
    } else {
        bool dot = true;

        s->dot = true;
        for (int c = peek(s); !is_special(c) && (dot || c == '.'); c = peek(s)) {
            struct slice atom = take_atom(s);

            note_dots(s, atom);
            s->list_obsolete = s->list_obsolete || s->domain.n > 0;
            build_bytes(&s->domain, atom);
            dot = s->in.p[s->at - 1] == '.';
            skip_space(s);
        }
        s->odd_dots = s->odd_dots || s->dot;
    }
    skip_space(s);
    if (s->domain.n == 0)
        s->bad = true;
}

/* RFC 5322 4.4: "<@a,@b:joe@c>"; the route says nothing any more. */
static void skip_route(struct scan *s)
{
    s->list_obsolete = true;
    while (peek(s) == '@' || peek(s) == ',') {
        s->at++;
        skip_space(s);
        while (!is_special(peek(s)) || peek(s) == '[' || peek(s) == ']')
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
    s->at++;
    build_reset(&s->localpart);
    build_reset(&s->domain);
    s->has_local = s->many_words = s->has_domain = s->odd_dots = false;
    s->dot = true;
    skip_space(s);
    if (peek(s) == '@')
        skip_route(s);
    for (skip_space(s); peek(s) == '"' || !is_special(peek(s)); skip_space(s)) {
        if (s->has_local && !s->dot && peek(s) != '.')
            s->bad = true;
        s->list_obsolete = s->list_obsolete || s->has_local;
        s->has_local = true;
        take_piece(s, &s->localpart);
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
}

static void add(struct scan *s, struct mail_address item)
{
    if (s->n >= MAIL_ADDRESSES_MAX) {
        s->list_bad = true;
        return;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 4;
        struct mail_address *v = ARENA_ARRAY(s->a, cap, struct mail_address);

        if (!v)
            return;
        if (s->n)
            memcpy(v, s->v, s->n * sizeof(*v));
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = item;
}

/* RFC 6532 3.2: UTF-8 everywhere, but no controls. */
static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_control(s.p[i]))
            return false;
    return mail_text_is_utf8(s);
}

/* The text of a comment: quoted-pairs are what they quote. */
static struct slice comment_text(struct scan *s)
{
    build_reset(&s->name);
    for (size_t i = 0; i < s->comment.n; i++) {
        if (s->comment.p[i] == '\\' && i + 1 < s->comment.n)
            i++;
        build_byte(&s->name, s->comment.p[i]);
    }
    return build_slice(&s->name);
}

static void add_mailbox(struct scan *s)
{
    struct slice name = build_slice(&s->name);
    struct mail_address item = {.kind = MAIL_ADDRESS_MAILBOX};
    struct slice localpart = build_slice(&s->localpart), domain = build_slice(&s->domain);

    if (!s->bad && s->has_domain && s->has_local && !s->many_words) {
        item.localpart = arena_copy(s->a, localpart);
        item.domain = arena_copy(s->a, domain);
        if (s->odd_dots || !is_clean(localpart) || !is_clean(domain))
            s->list_bad = true;
    } else {
        s->list_bad = true;
    }
    /* An old habit: joe@example.org (Joe Smith). */
    if (name.n == 0)
        name = comment_text(s);
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
    s->item_at = s->at;
    s->space = s->bad = s->has_domain = s->has_local = s->many_words = s->odd_dots = false;
    s->dot = true;
}

/* Up to the separator before the next item, or to a '<': what is skipped breaks the grammar. */
static void skip_junk(struct scan *s)
{
    for (int c = peek(s); c >= 0 && c != ',' && c != ';' && c != '<'; c = peek(s)) {
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

/* Behind the words of an item stands something that may not be there. In front of an address in
 * angle brackets it is part of the name: "joe@example.org <joe@example.org>", "Joe [home] <…>". */
static void take_irregular(struct scan *s, bool had_angle)
{
    skip_junk(s);
    if (peek(s) == '<' && !had_angle) {
        struct slice name = slice_trim(slice_sub(s->in, s->item_at, s->at - s->item_at));

        build_reset(&s->name);
        for (size_t i = 0; i < name.n; i++)
            if (name.p[i] != '\r' && name.p[i] != '\n' && name.p[i] != '"')
                build_byte(&s->name, name.p[i]);
        s->bad = false;
        s->list_bad = true;
        take_angle(s);
        skip_junk(s);
    }
    while (peek(s) == '<') {
        s->bad = true;
        s->at++;
        skip_junk(s);
    }
}

static void take_separator(struct scan *s, bool empty)
{
    int c = peek(s);

    s->at += c >= 0;
    if (c == ',' && empty)
        s->list_obsolete = true;
    if (c != ';')
        return;
    if (s->in_group)
        add(s, (struct mail_address){.kind = MAIL_ADDRESS_GROUP_END});
    else
        s->list_bad = true;
    s->in_group = false;
    /* RFC 5322 3.4: behind a group stands a comma or nothing. */
    skip_space(s);
    if (peek(s) == ',')
        s->at++;
}

static void take_item(struct scan *s)
{
    reset_item(s);
    for (skip_space(s); peek(s) == '"' || !is_special(peek(s)); skip_space(s))
        take_word(s);
    int c = peek(s);
    bool phrase = s->name.n > 0 || s->has_local;

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
    take_irregular(s, c == '<');
    bool empty = !phrase && !s->bad && !s->has_domain;

    if (!empty)
        add_mailbox(s);
    take_separator(s, empty);
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
    if (s.in_group) {
        s.list_bad = true;
        add(&s, (struct mail_address){.kind = MAIL_ADDRESS_GROUP_END});
    }
    bool ok = build_ok(&s.name) && build_ok(&s.localpart) && build_ok(&s.domain);

    build_done(&s.name);
    build_done(&s.localpart);
    build_done(&s.domain);
    if (!ok || arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    *out = (struct mail_address_list){s.v, s.n, .bad = s.list_bad || s.at < s.in.n,
                                      .obsolete = s.list_obsolete};
    return 0;
}
