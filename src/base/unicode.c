#include "base/unicode.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/builder.h"
#include "base/secret.h"
#include "base/utf8.h"

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

int unicode_nfc(struct arena *a, struct slice in, struct slice *out, struct err *err)
{
    if (in.n > UNICODE_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "the text is too long");
    if (!utf8_valid(in))
        return err_set(err, ERR_SYNTAX, "the text is not valid UTF-8");
    if (utf8_is_ascii(in)) {
        *out = in;
        return 0;
    }
    /* Composed text is at most three times as many UTF-16 units, or UTF-8 octets, as its source. */
    int32_t cap = (int32_t)(in.n * 3 + 1);
    UChar *wide = ARENA_ARRAY(a, (size_t)cap, UChar);
    UChar *composed = ARENA_ARRAY(a, (size_t)cap, UChar);
    char *text = ARENA_ARRAY(a, (size_t)cap * 3, char);
    UErrorCode status = U_ZERO_ERROR;
    int32_t wide_n = 0, composed_n = 0, text_n = 0;

    if (!wide || !composed || !text)
        return no_memory(err);
    u_strFromUTF8(wide, cap, &wide_n, (const char *)in.p, (int32_t)in.n, &status);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);

    composed_n = unorm2_normalize(nfc, wide, wide_n, composed, cap, &status);
    u_strToUTF8(text, cap * 3, &text_n, composed, composed_n, &status);
    wipe(wide, (size_t)cap * sizeof(*wide));
    wipe(composed, (size_t)cap * sizeof(*composed));
    if (U_FAILURE(status))
        return err_set(err, ERR_SYNTAX, "the text cannot be normalised");
    *out = slice_of(text, (size_t)text_n);
    return 0;
}

int unicode_lower(struct arena *a, struct slice in, struct slice *out, struct err *err)
{
    struct builder b;

    build_init(&b, UNICODE_TEXT_MAX * 4);
    for (struct slice rest = in; rest.n > 0;) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(rest, &code, &n);
        utf8_append(&b, (uint32_t)u_tolower((UChar32)code));
        rest = slice_from(rest, n);
    }
    bool ok = build_ok(&b);

    *out = arena_copy(a, build_slice(&b));
    build_done(&b);
    return ok && !arena_failed(a) ? 0 : no_memory(err);
}

/* RFC 8264 4.3 and 9: the characters of FreeformClass. */
static bool is_freeform(uint32_t code)
{
    static const uint32_t allowed =
        U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK | U_GC_ZS_MASK | U_GC_S_MASK | U_GC_P_MASK;
    UHangulSyllableType hangul =
        (UHangulSyllableType)u_getIntPropertyValue((UChar32)code, UCHAR_HANGUL_SYLLABLE_TYPE);

    if (u_hasBinaryProperty((UChar32)code, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
        return false;
    /* 9.9: OldHangulJamo. */
    if (hangul == U_HST_LEADING_JAMO || hangul == U_HST_VOWEL_JAMO || hangul == U_HST_TRAILING_JAMO)
        return false;
    return (U_GET_GC_MASK((UChar32)code) & allowed) != 0;
}

int unicode_opaque_string(struct arena *a, struct slice in, struct slice *out, struct err *err)
{
    struct builder b;

    if (in.n == 0)
        return err_set(err, ERR_INVALID, "the password is empty");
    if (in.n > UNICODE_TEXT_MAX)
        return err_set(err, ERR_LIMIT, "the password is too long");
    if (!utf8_valid(in))
        return err_set(err, ERR_SYNTAX, "the password is not valid UTF-8");
    build_init(&b, UNICODE_TEXT_MAX);
    for (struct slice rest = in; rest.n > 0;) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(rest, &code, &n);
        /* RFC 8265 4.2.1: every other space becomes the ASCII one. */
        utf8_append(&b, u_charType((UChar32)code) == U_SPACE_SEPARATOR ? ' ' : code);
        rest = slice_from(rest, n);
    }
    struct slice mapped = arena_copy(a, build_slice(&b));

    if (b.p)
        wipe(b.p, b.cap);
    build_done(&b);
    if (arena_failed(a))
        return no_memory(err);
    int rc = unicode_nfc(a, mapped, out, err);

    if (rc < 0)
        return rc;
    for (struct slice rest = *out; rest.n > 0;) {
        uint32_t code;
        size_t n;

        (void)utf8_decode(rest, &code, &n);
        if (!is_freeform(code))
            return err_set(err, ERR_INVALID,
                           "the password has a control or invisible character in it");
        rest = slice_from(rest, n);
    }
    return 0;
}
