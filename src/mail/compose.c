/* Each kind of field is cut into words that may stay as they are, or are quoted or encoded; fold.c
 * decides on the lines. */
#include "mail/compose.h"

#include "base/ascii.h"
#include "base/encode.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/message_private.h"

#define ID_MAX 1000
/* Of a piece of RFC 2231, with its name when that is of usual length. */
#define PIECE_COLUMNS 60

bool text_is_atext(int c)
{
    return ascii_is_alnum(c) || c >= 0x80 || (c > 0 && memchr("!#$%&'*+-/=?^_`{|}~", c, 19));
}

bool text_is_dot_atom(struct slice s)
{
    int before = '.';

    for (size_t i = 0; i < s.n; i++) {
        if (!text_is_atext(s.p[i]) && (s.p[i] != '.' || before == '.'))
            return false;
        before = s.p[i];
    }
    return before != '.';
}

struct slice text_enclose(struct arena *a, char open, struct slice s, char close,
                          const char *special)
{
    uint8_t *p = arena_alloc(a, 2 * s.n + 2);
    size_t n = 0;

    if (p == NULL)
        return (struct slice){NULL, 0};
    p[n++] = (uint8_t)open;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t byte = ascii_is_control(s.p[i]) ? ' ' : s.p[i];

        if (strchr(special, byte) != NULL)
            p[n++] = '\\';
        p[n++] = byte;
    }
    p[n++] = (uint8_t)close;
    return slice_of(p, n);
}

static struct slice quoted(struct arena *a, struct slice s)
{
    return text_enclose(a, '"', s, '"', "\"\\");
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_control(s.p[i]))
            return true;
    return false;
}

bool text_is_plain(struct slice s, bool utf8)
{
    return s.n <= TEXT_PLAIN_MAX && !has_control(s) && (utf8 || utf8_is_ascii(s)) &&
           slice_find(s, SLICE("=?")) == SIZE_MAX;
}

struct slice mail_localpart(struct arena *a, struct slice localpart)
{
    return text_is_dot_atom(localpart) ? localpart : quoted(a, localpart);
}

/* ---- text ---- */

/* The word of `text` that begins at `at`, up to the next space. */
static struct slice word_at(struct slice text, size_t at)
{
    return slice_sub(text, at, slice_find_byte(slice_from(text, at), ' '));
}

/* Whether the word can stay: a space beside another one, or at an end, is kept only by encoding the
 * word next to it. */
static bool word_is_plain(struct slice text, size_t at, bool utf8)
{
    struct slice word = word_at(text, at);
    size_t end = at + word.n;
    bool spaces = at == 1 || (at > 1 && slice_at(text, at - 2) == ' ') || end + 1 == text.n;

    return word.n > 0 && !spaces && text_is_plain(word, utf8);
}

static void put_text(struct fold *f, struct arena *a, struct slice text, bool utf8)
{
    size_t at = 0;

    while (at < text.n) {
        size_t end = at;
        bool plain = word_is_plain(text, at, utf8);

        /* All neighbours that have to be encoded, with the spaces between them. */
        do
            end += word_at(text, end).n + 1;
        while (!plain && end <= text.n && !word_is_plain(text, end, utf8));
        struct slice words = slice_sub(text, at, MIN(end - 1, text.n) - at);

        if (plain)
            fold_word(f, words);
        else
            words_encode(f, a, words);
        at = end;
    }
}

static struct slice clean(struct arena *a, struct slice text)
{
    struct builder b;

    if (mail_text_is_utf8(text))
        return text;
    build_init(&b, text.n * 3);
    utf8_append_clean(&b, text);
    struct slice copy = arena_copy(a, build_slice(&b));

    build_done(&b);
    return copy;
}

struct slice mail_field_text(struct arena *a, struct slice name, struct slice text, bool utf8)
{
    struct fold f;

    fold_init_text(&f, name);
    put_text(&f, a, clean(a, text), utf8);
    return fold_end(&f, a);
}

/* ---- addresses ---- */

static bool is_atoms(struct slice name)
{
    int before = ' ';

    for (size_t i = 0; i < name.n; i++) {
        if (!text_is_atext(name.p[i]) && (name.p[i] != ' ' || before == ' '))
            return false;
        before = name.p[i];
    }
    return before != ' ';
}

/* RFC 5322 3.2.5: phrase. */
static void put_phrase(struct fold *f, struct arena *a, struct slice name, bool utf8)
{
    bool plain = text_is_plain(name, utf8) && slice_trim(name).n == name.n;

    if (plain && is_atoms(name))
        put_text(f, a, name, utf8);
    else if (plain)
        fold_word(f, quoted(a, name));
    else
        words_encode(f, a, name);
}

static bool is_writable(const struct mail_address *m)
{
    return m->kind != MAIL_ADDRESS_MAILBOX ||
           (m->domain.n > 0 && !has_control(m->localpart) && !has_control(m->domain));
}

static void put_mailbox(struct fold *f, struct arena *a, const struct mail_address *m, bool utf8)
{
    struct builder b;
    bool named = m->name.n > 0;

    if (named)
        put_phrase(f, a, clean(a, m->name), utf8);
    build_init(&b, 2 * m->localpart.n + m->domain.n + 8);
    build_text(&b, named ? "<" : "");
    build_bytes(&b, mail_localpart(a, clean(a, m->localpart)));
    build_byte(&b, '@');
    build_bytes(&b, clean(a, m->domain));
    build_text(&b, named ? ">" : "");
    fold_word(f, arena_copy(a, build_slice(&b)));
    build_done(&b);
}

/* The next item that is written, or the number of all. */
static size_t next_item(const struct mail_address_list *list, size_t i)
{
    while (i < list->n && !is_writable(&list->v[i]))
        i++;
    return i;
}

struct slice mail_field_addresses(struct arena *a, struct slice name,
                                  const struct mail_address_list *list, bool utf8)
{
    struct fold f;

    fold_init_text(&f, name);
    for (size_t i = next_item(list, 0), next; i < list->n; i = next) {
        const struct mail_address *m = &list->v[i];
        bool group = m->kind == MAIL_ADDRESS_GROUP_START;
        bool ends = false;

        next = next_item(list, i + 1);
        if (group)
            put_phrase(&f, a, clean(a, m->name), utf8);
        else if (m->kind == MAIL_ADDRESS_MAILBOX)
            put_mailbox(&f, a, m, utf8);
        if (next < list->n && list->v[next].kind == MAIL_ADDRESS_GROUP_END) {
            ends = true;
            next = next_item(list, next + 1);
        }
        bool comma = next < list->n && (!group || ends);

        fold_more(&f,
                  arena_printf(a, "%s%s%s", group ? ":" : "", ends ? ";" : "", comma ? "," : ""));
    }
    return fold_end(&f, a);
}

/* ---- parameters ---- */

/* RFC 2231 7: attribute-char. */
static bool is_attribute_char(int c)
{
    return ascii_is_graph(c) && memchr("*'%()<>@,;:\\\"/[]?=", c, 18) == NULL;
}

/* As much of the value as fits into one piece, never a part of a character; returns what was used.
 */
static size_t put_percent(struct builder *out, struct slice value)
{
    size_t at = 0;

    while (at < value.n) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(slice_from(value, at), &code, &n);
        if (out->n + 3 * n > PIECE_COLUMNS)
            break;
        for (; n > 0; n--, at++)
            if (is_attribute_char(value.p[at]))
                build_byte(out, value.p[at]);
            else
                build_printf(out, "%%%02X", value.p[at]);
    }
    return at;
}

/* RFC 2231 3, 4. */
static void put_extended(struct fold *f, struct arena *a, struct slice name, struct slice value)
{
    struct builder piece;
    size_t used = 0;

    build_init(&piece, 4 * PIECE_COLUMNS);
    for (unsigned i = 0; i == 0 || used < value.n; i++) {
        build_reset(&piece);
        build_text(&piece, i == 0 ? "utf-8''" : "");
        used += put_percent(&piece, slice_from(value, used));
        struct slice text = build_slice(&piece);

        fold_more(f, SLICE(";"));
        if (i == 0 && used == value.n)
            fold_word(f, arena_printf(a, "%.*s*=%.*s", SLICE_FMT(name), SLICE_FMT(text)));
        else
            fold_word(f, arena_printf(a, "%.*s*%u*=%.*s", SLICE_FMT(name), i, SLICE_FMT(text)));
    }
    build_done(&piece);
}

static void put_param(struct fold *f, struct arena *a, const struct mail_param *p, bool utf8)
{
    struct slice value = clean(a, p->value);
    bool fits = value.n <= PIECE_COLUMNS && text_is_plain(value, utf8);

    if (!fits) {
        put_extended(f, a, p->name, value);
        return;
    }
    if (!params_is_token(value))
        value = quoted(a, value);
    fold_more(f, SLICE(";"));
    fold_word(f, arena_printf(a, "%.*s=%.*s", SLICE_FMT(p->name), SLICE_FMT(value)));
}

struct slice mail_field_params(struct arena *a, struct slice name, struct slice value,
                               const struct mail_param *params, size_t params_n, bool utf8)
{
    struct fold f;

    fold_init_text(&f, name);
    fold_word(&f, value);
    for (size_t i = 0; i < params_n; i++)
        put_param(&f, a, &params[i], utf8);
    return fold_end(&f, a);
}

/* ---- ids ---- */

struct slice mail_field_ids(struct arena *a, struct slice name, const struct slice *ids, size_t n)
{
    struct fold f;

    fold_init_text(&f, name);
    for (size_t i = 0; i < n; i++)
        if (ids[i].n <= ID_MAX && !has_control(ids[i]))
            fold_word(&f, arena_printf(a, "<%.*s>", SLICE_FMT(ids[i])));
    return fold_end(&f, a);
}

struct slice mail_message_id(struct arena *a, struct slice random, struct slice host)
{
    struct builder text;

    build_init(&text, 2 * random.n + 8);
    encode_base64url(&text, random);
    struct slice id =
        arena_printf(a, "<%.*s@%.*s>", SLICE_FMT(build_slice(&text)), SLICE_FMT(host));

    build_done(&text);
    return id;
}
