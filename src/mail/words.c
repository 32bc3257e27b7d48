/* A field body is text with encoded-words in it. The octets of neighbouring words of one charset
 * are joined before they are converted, because senders cut characters in two. Every octet is
 * looked at a bounded number of times: the three searches of a word never pass a '?'. */
#include "base/ascii.h"
#include "base/builder.h"
#include "base/utf8.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/message.h"
#include "mail/message_private.h"

struct words {
    struct builder out;
    struct builder octets; /* of encoded-words not yet converted */
    struct slice charset;  /* theirs */
    struct slice asked;    /* the charset looked up last */
    bool asked_known;
    unsigned lookups;
};

/* Names of charsets looked up per field: a field made of unknown names stays cheap. */
#define LOOKUPS_MAX 64

struct encoded_word {
    struct slice charset, text;
    bool base64;
    size_t n; /* its length as written */
};

/* RFC 2047 2: "=?charset?encoding?text?="; RFC 2231 5: the charset may carry "*language". */
static bool read_word(struct slice in, struct encoded_word *out)
{
    if (!slice_starts(in, SLICE("=?")))
        return false;
    struct slice rest = slice_from(in, 2);
    size_t mark = slice_find_byte(rest, '?');

    if (mark == SIZE_MAX || mark == 0)
        return false;
    struct slice charset = slice_sub(rest, 0, mark);
    int encoding = ascii_lower((uint8_t)(slice_at(rest, mark + 1) & 0xff));

    if ((encoding != 'q' && encoding != 'b') || slice_at(rest, mark + 2) != '?')
        return false;
    rest = slice_from(rest, mark + 3);
    mark = slice_find_byte(rest, '?');
    if (mark == SIZE_MAX || slice_at(rest, mark + 1) != '=')
        return false;
    out->text = slice_sub(rest, 0, mark);
    out->charset = slice_sub(charset, 0, slice_find_byte(charset, '*'));
    out->base64 = encoding == 'b';
    out->n = (size_t)(rest.p + mark + 2 - in.p);
    return true;
}

static bool is_known(struct words *w, struct slice charset)
{
    if (w->lookups > 0 && slice_eq_nocase(charset, w->asked))
        return w->asked_known;
    w->asked = charset;
    w->asked_known = w->lookups++ < LOOKUPS_MAX && mail_charset_known(charset);
    return w->asked_known;
}

/* RFC 2047 4.2. */
static void decode_q(struct builder *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        int c = text.p[i];
        int high = ascii_hex_value(slice_at(text, i + 1));
        int low = ascii_hex_value(slice_at(text, i + 2));

        if (c == '=' && high >= 0 && low >= 0) {
            c = high << 4 | low;
            i += 2;
        } else if (c == '_') {
            c = ' ';
        }
        build_byte(out, (uint8_t)c);
    }
}

static void flush(struct words *w)
{
    if (w->octets.n > 0)
        (void)mail_decode_charset(&w->out, w->charset, build_slice(&w->octets));
    build_reset(&w->octets);
}

static void take_word(struct words *w, const struct encoded_word *word)
{
    if (!slice_eq_nocase(word->charset, w->charset))
        flush(w);
    w->charset = word->charset;
    if (word->base64)
        (void)mail_decode_transfer(&w->octets, PART_BASE64, word->text);
    else
        decode_q(&w->octets, word->text);
}

/* Text between words: as it is when it is UTF-8, else Latin-1. */
static void take_text(struct words *w, struct slice text)
{
    if (text.n == 0)
        return;
    flush(w);
    if (mail_text_is_utf8(text))
        build_bytes(&w->out, text);
    else
        (void)mail_decode_charset(&w->out, SLICE("iso-8859-1"), text);
}

static bool is_blank(struct slice s)
{
    return slice_trim(s).n == 0;
}

static void decode_all(struct words *w, struct slice in)
{
    size_t done = 0, at = 0; /* `done`: up to here it is in the output */
    bool after_word = false;

    while (at < in.n) {
        struct encoded_word word;
        struct slice rest = slice_from(in, at);
        size_t hit = slice_find_byte(rest, '=');

        if (hit == SIZE_MAX)
            break;
        at += hit;
        if (!read_word(slice_from(in, at), &word) || !is_known(w, word.charset)) {
            at++;
            continue;
        }
        struct slice between = slice_sub(in, done, at - done);

        /* RFC 2047 6.2: white space between two encoded-words is not shown. */
        if (!after_word || !is_blank(between))
            take_text(w, between);
        take_word(w, &word);
        at += word.n;
        done = at;
        after_word = true;
    }
    take_text(w, slice_from(in, done));
    flush(w);
}

struct slice mail_words_decode(struct arena *a, struct slice body)
{
    struct slice in = mail_field_unfold(a, body);

    if (in.n > MAIL_HEADER_MAX)
        in.n = MAIL_HEADER_MAX;
    if (slice_find(in, SLICE("=?")) == SIZE_MAX && mail_text_is_utf8(in))
        return in;
    struct words w = {.charset = {NULL, 0}};

    /* The worst charsets write three octets for one. */
    build_init(&w.out, in.n * 3 + 16);
    build_init(&w.octets, in.n + 16);
    decode_all(&w, in);
    struct slice result = arena_copy(a, build_slice(&w.out));

    build_done(&w.out);
    build_done(&w.octets);
    return result;
}
