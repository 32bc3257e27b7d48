#include "store/address.h"

#include <idn2.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "base/unicode.h"

/* RFC 5321 4.1.2: labels of letters, digits and hyphens. Asked for this
 * rule, libidn2 drops other ASCII instead of refusing it, so that we look ourselves. */
static bool is_hostname(struct slice ascii)
{
    size_t label = 0;

    for (size_t i = 0; i < ascii.n; i++) {
        if (ascii.p[i] == '.' ? label == 0 : !ascii_is_alnum(ascii.p[i]) && ascii.p[i] != '-')
            return false;
        label = ascii.p[i] == '.' ? 0 : label + 1;
    }
    return label > 0;
}

int address_domain(struct arena *a, struct slice in, struct slice *out, struct err *err)
{
    char *ascii = NULL, *unicode = NULL;

    if (in.n == 0 || slice_find_byte(in, 0) != SIZE_MAX || in.p[in.n - 1] == '.')
        return err_set(err, ERR_SYNTAX, "the domain name is not valid");
    if (in.n > ADDRESS_DOMAIN_MAX)
        return err_set(err, ERR_LIMIT, "the domain name is too long");
    const char *text = arena_str(a, in);

    if (!text)
        return err_set(err, ERR_NOMEM, "out of memory");
    int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    int rc = idn2_to_ascii_8z(text, &ascii, flags);

    if (rc == IDN2_OK && !is_hostname(slice_str(ascii)))
        rc = IDN2_DISALLOWED;
    if (rc == IDN2_OK)
        rc = idn2_to_unicode_8z8z(ascii, &unicode, 0);
    if (rc == IDN2_OK)
        *out = arena_copy(a, slice_str(unicode));
    idn2_free(ascii);
    idn2_free(unicode);
    if (rc == IDN2_MALLOC || arena_failed(a))
        return err_set(err, ERR_NOMEM, "out of memory");
    if (rc != IDN2_OK || out->n == 0) {
        (void)err_set(err, ERR_SYNTAX, "the domain name is not valid");
        return err_detail(err, "libidn2: %s", idn2_strerror_name(rc));
    }
    return 0;
}

static int parse(struct arena *a, struct slice localpart, struct slice domain, struct address *out,
                 struct err *err)
{
    struct address parsed = {.catchall = false};

    if (localpart.n > ADDRESS_LOCALPART_MAX)
        return err_set(err, ERR_LIMIT, "the part before the \"@\" is too long");
    for (size_t i = 0; i < localpart.n; i++) {
        if (ascii_is_control(localpart.p[i]))
            return err_set(err, ERR_SYNTAX, "the address has a control character in it");
    }
    int rc = unicode_nfc(a, localpart, &parsed.localpart, err);

    /* RFC 5321 4.5.1: in any case, also where the case of others counts. */
    if (rc == 0 && slice_eq_nocase(parsed.localpart, SLICE("postmaster")))
        parsed.localpart = SLICE("postmaster");
    if (rc == 0)
        rc = address_domain(a, domain, &parsed.domain, err);
    if (rc == 0)
        *out = parsed;
    return rc;
}

int address_parse(struct arena *a, struct slice in, struct address *out, struct err *err)
{
    size_t at = slice_rfind_byte(in, '@');

    if (at == SIZE_MAX)
        return err_set(err, ERR_SYNTAX, "an address has the form localpart@domain");
    return parse(a, slice_sub(in, 0, at), slice_from(in, at + 1), out, err);
}

/* RFC 5321 4.1.2: what a quoted string means. `inner` is what stands between the quotes. */
static int unquote(struct arena *a, struct slice inner, struct slice *out, struct err *err)
{
    uint8_t *p = arena_alloc(a, inner.n + 1);
    size_t n = 0;

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < inner.n; i++) {
        if (inner.p[i] == '\\' && i + 1 < inner.n)
            i++;
        p[n++] = inner.p[i];
    }
    *out = slice_of(p, n);
    return 0;
}

int address_parse_typed(struct arena *a, struct slice in, struct address *out, struct err *err)
{
    size_t at = slice_rfind_byte(in, '@');
    struct slice localpart = slice_sub(in, 0, at);
    int rc = 0;

    if (at == SIZE_MAX)
        return err_set(err, ERR_SYNTAX, "an address has the form localpart@domain");
    if (localpart.n >= 2 && localpart.p[0] == '"' && localpart.p[localpart.n - 1] == '"')
        rc = unquote(a, slice_sub(localpart, 1, localpart.n - 2), &localpart, err);
    if (rc == 0)
        rc = parse(a, localpart, slice_from(in, at + 1), out, err);
    if (rc == 0)
        out->catchall = at == 0;
    return rc;
}

/* RFC 5322 3.2.3, RFC 6532 3.2: what stands in a local part without quotes. */
static bool is_dot_atom(struct slice s)
{
    bool dot = true; /* the octet before, or there is none */

    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];

        if (c == '.' ? dot
                     : c < 0x80 && !ascii_is_alnum(c) &&
                           slice_find_byte(SLICE("!#$%&'*+-/=?^_`{|}~"), c) == SIZE_MAX)
            return false;
        dot = c == '.';
    }
    return !dot;
}

struct slice address_text(struct arena *a, const struct address *address)
{
    struct slice in = address->localpart;
    char quoted[2 * ADDRESS_LOCALPART_MAX + 3];
    size_t n = 0;

    if (is_dot_atom(in) || address->catchall)
        return arena_printf(a, "%.*s@%.*s", SLICE_FMT(in), SLICE_FMT(address->domain));
    quoted[n++] = '"';
    for (size_t i = 0; i < in.n && n + 3 < sizeof(quoted); i++) {
        if (in.p[i] == '"' || in.p[i] == '\\')
            quoted[n++] = '\\';
        quoted[n++] = (char)in.p[i];
    }
    quoted[n++] = '"';
    return arena_printf(a, "%.*s@%.*s", (int)n, quoted, SLICE_FMT(address->domain));
}

bool address_separator_next(struct slice *separators, struct slice *out)
{
    size_t end = slice_find_byte(*separators, '\n');

    if (separators->n == 0)
        return false;
    *out = slice_sub(*separators, 0, end);
    *separators = end == SIZE_MAX ? SLICE("") : slice_from(*separators, end + 1);
    return true;
}

struct slice address_cut(struct slice localpart, struct slice separators)
{
    struct slice separator;

    while (address_separator_next(&separators, &separator))
        localpart = slice_sub(localpart, 0, slice_find(localpart, separator));
    return localpart;
}

bool address_has_separator(struct slice localpart, struct slice separators)
{
    return address_cut(localpart, separators).n < localpart.n;
}

bool address_starts_with_separator(struct slice text, struct slice separators)
{
    struct slice separator;

    while (address_separator_next(&separators, &separator)) {
        if (slice_starts(text, separator))
            return true;
    }
    return false;
}
