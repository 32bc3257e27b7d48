/* RFC 2047: text as encoded-words, each decodable for itself. */
#include "base/ascii.h"
#include "base/encode.h"
#include "base/num.h"
#include "base/utf8.h"
#include "mail/message_private.h"

/* RFC 2047 2 allows 75; what may stand directly behind a word (":;,") has to fit the line too. */
#define WORD_MAX 72
#define FRAME 12 /* "=?utf-8?q?" and "?=" */
#define WORD_MIN (FRAME + 12)

/* RFC 2047 5 (3): what may stand in a word of a phrase, and so everywhere. */
static bool is_q_plain(int c)
{
    return ascii_is_alnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/';
}

static size_t q_size(struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += is_q_plain(s.p[i]) || s.p[i] == ' ' ? 1 : 3;
    return n;
}

static size_t b_size(struct slice s)
{
    return (s.n + 2) / 3 * 4;
}

static void put_q(struct builder *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_q_plain(s.p[i]))
            build_byte(out, s.p[i]);
        else if (s.p[i] == ' ')
            build_byte(out, '_');
        else
            build_printf(out, "=%02X", s.p[i]);
    }
}

/* The longest beginning whose encoding has at most `room` octets; whole characters, at least one.
 */
static struct slice beginning(struct slice text, size_t room, size_t (*size)(struct slice))
{
    size_t taken = 0, encoded = 0;

    while (taken < text.n) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(slice_from(text, taken), &code, &n);
        encoded = size == b_size ? b_size(slice_sub(text, 0, taken + n))
                                 : encoded + q_size(slice_sub(text, taken, n));
        if (taken > 0 && encoded > room)
            break;
        taken += n;
    }
    return slice_sub(text, 0, taken);
}

void words_encode(struct fold *f, struct arena *a, struct slice text)
{
    /* Q can be read without decoding: worth a third more octets. */
    bool base64 = b_size(text) * 4 < q_size(text) * 3;
    struct builder word;

    build_init(&word, 2 * WORD_MAX);
    while (text.n > 0) {
        size_t room = fold_room(f);
        size_t max = room < WORD_MIN ? WORD_MAX : MIN(room, (size_t)WORD_MAX);
        struct slice piece = beginning(text, max - FRAME, base64 ? b_size : q_size);

        build_reset(&word);
        build_text(&word, base64 ? "=?utf-8?b?" : "=?utf-8?q?");
        if (base64)
            encode_base64(&word, piece);
        else
            put_q(&word, piece);
        build_text(&word, "?=");
        fold_word(f, arena_copy(a, build_slice(&word)));
        text = slice_from(text, piece.n);
    }
    build_done(&word);
}
