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

int address_parse(struct arena *a, struct slice in, bool catchall, struct address *out,
                  struct err *err)
{
    size_t at = slice_rfind_byte(in, '@');
    struct slice localpart = slice_sub(in, 0, at);
    struct address parsed;

    if (at == SIZE_MAX || (localpart.n == 0 && !catchall))
        return err_set(err, ERR_SYNTAX, "an address has the form localpart@domain");
    if (localpart.n > ADDRESS_LOCALPART_MAX)
        return err_set(err, ERR_LIMIT, "the part before the \"@\" is too long");
    for (size_t i = 0; i < localpart.n; i++) {
        if (ascii_is_control(localpart.p[i]))
            return err_set(err, ERR_SYNTAX, "the address has a control character in it");
    }
    int rc = unicode_nfc(a, localpart, &parsed.localpart, err);

    if (rc == 0)
        rc = address_domain(a, slice_from(in, at + 1), &parsed.domain, err);
    if (rc == 0)
        *out = parsed;
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

    if (is_dot_atom(in))
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

/* The next line of *rest, without its end. */
static struct slice line_take(struct slice *rest)
{
    size_t end = slice_find_byte(*rest, '\n');
    struct slice line = slice_sub(*rest, 0, end);

    *rest = end == SIZE_MAX ? slice_of(NULL, 0) : slice_from(*rest, end + 1);
    return line;
}

int address_localpart(struct arena *a, struct slice in, bool case_sensitive,
                      struct slice separators, struct slice *out, struct err *err)
{
    struct slice localpart = in;

    if (!case_sensitive) {
        int rc = unicode_lower(a, in, &localpart, err);

        if (rc < 0)
            return rc;
    }
    while (separators.n > 0) {
        struct slice separator = line_take(&separators);

        if (separator.n > 0)
            localpart = slice_sub(localpart, 0, slice_find(localpart, separator));
    }
    *out = localpart;
    return 0;
}

bool address_has_separator(struct slice localpart, struct slice separators)
{
    while (separators.n > 0) {
        struct slice separator = line_take(&separators);

        if (separator.n > 0 && slice_find(localpart, separator) != SIZE_MAX)
            return true;
    }
    return false;
}
