#include "mail/fault.h"

#include "mail/message_private.h"

static const struct {
    const char *name, *text;
    bool strict;
} kinds[MAIL_FAULT_KINDS] = {
    [MAIL_FAULT_BARE_CR] = {"bare-cr", "a CR without LF", true},
    [MAIL_FAULT_BARE_LF] = {"bare-lf", "a LF without CR", false},
    [MAIL_FAULT_NUL] = {"nul", "a NUL octet", false},
    [MAIL_FAULT_LINE_LONG] = {"line-long", "a line of more than 998 octets", false},
    [MAIL_FAULT_HEADER_LINE_LONG] = {"header-line-long", "a header line of more than 998 octets",
                                     true},
    [MAIL_FAULT_HEADER_JUNK] = {"header-junk", "a line in a header that is no field", false},
    [MAIL_FAULT_HEADER_SPACE] = {"header-space", "white space before the colon of a header field",
                                 false},
    [MAIL_FAULT_HEADER_OPEN] = {"header-open", "no empty line behind a header", false},
    [MAIL_FAULT_HEADER_CUT] = {"header-cut", "more header than is read", true},
    [MAIL_FAULT_HEADER_CHARSET] = {"header-charset", "octets in a header that are not UTF-8",
                                   false},
    [MAIL_FAULT_FIELD_REPEATED] = {"field-repeated", "a second field where one may stand", false},
    [MAIL_FAULT_FROM_MISSING] = {"from-missing", "no From field", true},
    [MAIL_FAULT_FROM_REPEATED] = {"from-repeated", "more than one From field", true},
    [MAIL_FAULT_FROM_ADDRESS] = {"from-address", "From is not exactly one address", true},
    [MAIL_FAULT_ADDRESS_BAD] = {"address-bad", "an address that cannot be read", false},
    [MAIL_FAULT_ADDRESS_OBSOLETE] = {"address-obsolete", "an address list of an obsolete form",
                                     false},
    [MAIL_FAULT_DATE_BAD] = {"date-bad", "a Date that cannot be read", false},
    [MAIL_FAULT_ID_BAD] = {"id-bad", "a Message-ID that cannot be read", false},
    [MAIL_FAULT_TYPE_BAD] = {"type-bad", "a Content-Type that cannot be read", true},
    [MAIL_FAULT_TYPE_PARAMETERS] = {"type-parameters", "a Content-Type with broken parameters",
                                    true},
    [MAIL_FAULT_MIME_REPEATED] = {"mime-repeated", "a MIME field that stands twice", false},
    [MAIL_FAULT_PARAM_REPEATED] = {"param-repeated", "a parameter that stands twice", false},
    [MAIL_FAULT_ENCODING_UNKNOWN] = {"encoding-unknown", "an unknown transfer encoding", false},
    [MAIL_FAULT_ENCODING_PARTS] = {"encoding-parts", "a transfer encoding of something with parts",
                                   false},
    [MAIL_FAULT_BASE64_JUNK] = {"base64-junk", "base64 with other octets in it", false},
    [MAIL_FAULT_QP_JUNK] = {"qp-junk", "quoted-printable with broken escapes", false},
    [MAIL_FAULT_CHARSET_UNKNOWN] = {"charset-unknown", "text in an unknown charset", false},
    [MAIL_FAULT_BOUNDARY_MISSING] = {"boundary-missing", "a multipart without usable boundary",
                                     true},
    [MAIL_FAULT_BOUNDARY_NEVER] = {"boundary-never", "a multipart without any part", false},
    [MAIL_FAULT_BOUNDARY_OPEN] = {"boundary-open", "a multipart without closing boundary", false},
    [MAIL_FAULT_TOO_DEEP] = {"too-deep", "parts nested too deep", false},
    [MAIL_FAULT_TOO_MANY_PARTS] = {"too-many-parts", "too many parts", false},
};

const char *mail_fault_name(enum mail_fault_kind kind)
{
    return kinds[kind].name;
}

const char *mail_fault_text(enum mail_fault_kind kind)
{
    return kinds[kind].text;
}

bool mail_fault_is_strict(enum mail_fault_kind kind)
{
    return kinds[kind].strict;
}

void faults_add(struct faults *f, enum mail_fault_kind kind, uint64_t at)
{
    struct mail_fault *fault = &f->v[kind];

    if (fault->n < MAIL_FAULT_OFFSETS)
        fault->at[fault->n] = at;
    fault->n++;
}

void faults_conclude(struct arena *a, const struct faults *f, struct mail_message *m)
{
    size_t n = 0;

    for (size_t i = 0; i < MAIL_FAULT_KINDS; i++)
        n += f->v[i].n > 0;
    struct mail_fault *v = n ? ARENA_ARRAY(a, n, struct mail_fault) : NULL;

    if (!v)
        return;
    n = 0;
    /* Insertion keeps them in the order of their first octets. */
    for (unsigned i = 0; i < MAIL_FAULT_KINDS; i++) {
        if (f->v[i].n == 0)
            continue;
        size_t at = n++;

        for (; at > 0 && v[at - 1].at[0] > f->v[i].at[0]; at--)
            v[at] = v[at - 1];
        v[at] = f->v[i];
        v[at].kind = (enum mail_fault_kind)i;
    }
    m->faults = v;
    m->faults_n = n;
    for (size_t i = 0; i < n && !m->strict; i++)
        if (mail_fault_is_strict(v[i].kind))
            m->strict = &v[i];
}
