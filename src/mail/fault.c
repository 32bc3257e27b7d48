#include "mail/fault.h"

#include "mail/message_private.h"

enum strictness { LENIENT, STRICT, STRICT_HEADER };

static const struct {
    const char *name, *text;
    enum strictness strictness;
} kinds[MAIL_FAULT_KINDS] = {
    [MAIL_FAULT_BARE_CR] = {"bare-cr", "a CR without LF", STRICT},
    [MAIL_FAULT_BARE_LF] = {"bare-lf", "a LF without CR", LENIENT},
    [MAIL_FAULT_NUL] = {"nul", "a NUL octet", LENIENT},
    [MAIL_FAULT_LINE_LONG] = {"line-long", "a line of more than 998 octets", LENIENT},
    [MAIL_FAULT_HEADER_LINE_LONG] = {"header-line-long", "a header line of more than 998 octets",
                                     STRICT_HEADER},
    [MAIL_FAULT_HEADER_JUNK] = {"header-junk", "a line in a header that is no field",
                                STRICT_HEADER},
    [MAIL_FAULT_HEADER_SPACE] = {"header-space", "white space before the colon of a header field",
                                 LENIENT},
    [MAIL_FAULT_HEADER_OPEN] = {"header-open", "no empty line behind a header", LENIENT},
    [MAIL_FAULT_HEADER_CUT] = {"header-cut", "more header than is read", STRICT_HEADER},
    [MAIL_FAULT_HEADER_CHARSET] = {"header-charset", "octets in a header that are not UTF-8",
                                   LENIENT},
    [MAIL_FAULT_FIELD_REPEATED] = {"field-repeated", "a second field where one may stand", LENIENT},
    [MAIL_FAULT_FROM_MISSING] = {"from-missing", "no From field", STRICT},
    [MAIL_FAULT_FROM_REPEATED] = {"from-repeated", "more than one From field", STRICT},
    [MAIL_FAULT_FROM_ADDRESS] = {"from-address", "From is not exactly one address", STRICT},
    [MAIL_FAULT_ADDRESS_BAD] = {"address-bad", "an address that cannot be read", LENIENT},
    [MAIL_FAULT_ADDRESS_OBSOLETE] = {"address-obsolete", "an address list of an obsolete form",
                                     LENIENT},
    [MAIL_FAULT_DATE_BAD] = {"date-bad", "a Date that cannot be read", LENIENT},
    [MAIL_FAULT_ID_BAD] = {"id-bad", "a Message-ID that cannot be read", LENIENT},
    [MAIL_FAULT_TYPE_BAD] = {"type-bad", "a Content-Type that cannot be read", STRICT_HEADER},
    [MAIL_FAULT_TYPE_PARAMETERS] = {"type-parameters", "a Content-Type with broken parameters",
                                    STRICT_HEADER},
    [MAIL_FAULT_MIME_REPEATED] = {"mime-repeated", "a MIME field that stands twice", STRICT_HEADER},
    [MAIL_FAULT_PARAM_REPEATED] = {"param-repeated", "a parameter that stands twice", LENIENT},
    [MAIL_FAULT_ENCODING_UNKNOWN] = {"encoding-unknown", "an unknown transfer encoding", LENIENT},
    [MAIL_FAULT_ENCODING_PARTS] = {"encoding-parts", "a transfer encoding of something with parts",
                                   LENIENT},
    [MAIL_FAULT_BASE64_JUNK] = {"base64-junk", "base64 with other octets in it", LENIENT},
    [MAIL_FAULT_QP_JUNK] = {"qp-junk", "quoted-printable with broken escapes", LENIENT},
    [MAIL_FAULT_CHARSET_UNKNOWN] = {"charset-unknown", "text in an unknown charset", LENIENT},
    [MAIL_FAULT_BOUNDARY_MISSING] = {"boundary-missing", "a multipart without usable boundary",
                                     STRICT_HEADER},
    [MAIL_FAULT_BOUNDARY_NEVER] = {"boundary-never", "a multipart without any part", LENIENT},
    [MAIL_FAULT_BOUNDARY_OPEN] = {"boundary-open", "a multipart without closing boundary", LENIENT},
    [MAIL_FAULT_TOO_DEEP] = {"too-deep", "parts nested too deep", LENIENT},
    [MAIL_FAULT_TOO_MANY_PARTS] = {"too-many-parts", "too many parts", LENIENT},
};

const char *mail_fault_name(enum mail_fault_kind kind)
{
    return kinds[kind].name;
}

const char *mail_fault_text(enum mail_fault_kind kind)
{
    return kinds[kind].text;
}

/* The message's own header is read first: a fault that is in it at all is first there. */
static bool is_strict(const struct mail_fault *f, const struct mail_message *m)
{
    enum strictness s = kinds[f->kind].strictness;

    return s == STRICT || (s == STRICT_HEADER && f->at[0] < m->root->body_at);
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
        v[at].strict = is_strict(&v[at], m);
    }
    m->faults = v;
    m->faults_n = n;
    for (size_t i = 0; i < n && !m->strict; i++)
        if (v[i].strict)
            m->strict = &v[i];
}
