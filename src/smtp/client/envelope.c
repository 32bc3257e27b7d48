/* MAIL and RCPT as they go out. */
#include <idn2.h>

#include "base/ascii.h"
#include "base/utf8.h"
#include "smtp/client/client_private.h"
#include "smtp/path.h"

/* ---- addresses ---- */

static void split(struct slice address, struct slice *localpart, struct slice *domain)
{
    size_t at = slice_rfind_byte(address, '@');

    *localpart = slice_sub(address, 0, at);
    *domain = at == SIZE_MAX ? SLICE("") : slice_from(address, at + 1);
}

bool smtpc_address_needs_utf8(struct slice address)
{
    struct slice localpart, domain;

    split(address, &localpart, &domain);
    return !utf8_is_ascii(localpart);
}

static bool is_dot_string(struct slice s)
{
    bool dot = true;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' ? dot : !smtp_is_atext(s.p[i]) && s.p[i] < 0x80)
            return false;
        dot = s.p[i] == '.';
    }
    return !dot;
}

/* RFC 5321 4.1.2: Local-part, quoted where it must be. */
static bool write_localpart(struct slice s, struct builder *out)
{
    if (!utf8_valid(s))
        return false;
    if (is_dot_string(s)) {
        build_bytes(out, s);
        return true;
    }
    build_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
        if (s.p[i] == '"' || s.p[i] == '\\')
            build_byte(out, '\\');
        build_byte(out, s.p[i]);
    }
    build_byte(out, '"');
    return true;
}

/* RFC 6531 3.2: without SMTPUTF8 names go out as A-labels. */
static bool write_domain(struct slice domain, bool utf8, struct builder *out)
{
    char name[SMTP_DOMAIN_MAX + 1];
    char *ascii = NULL;

    if (domain.n == 0 || domain.n >= sizeof(name) || !utf8_valid(domain))
        return false;
    for (size_t i = 0; i < domain.n; i++)
        if (domain.p[i] <= ' ' || domain.p[i] == 0x7f || domain.p[i] == '<' || domain.p[i] == '>')
            return false;
    if (utf8 || utf8_is_ascii(domain)) {
        build_bytes(out, domain);
        return true;
    }
    memcpy(name, domain.p, domain.n);
    name[domain.n] = '\0';
    if (idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    build_text(out, ascii);
    idn2_free(ascii);
    return true;
}

static bool write_path(struct slice address, bool utf8, struct builder *out)
{
    struct slice localpart, domain;
    bool ok = true;

    build_byte(out, '<');
    if (address.n > 0) {
        split(address, &localpart, &domain);
        ok = localpart.n <= SMTP_LOCALPART_MAX && write_localpart(localpart, out);
        build_byte(out, '@');
        ok = ok && write_domain(domain, utf8, out);
    }
    build_byte(out, '>');
    return ok;
}

/* ---- values ---- */

/* What parameters are made of: no space, no control octet. */
static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

static void write_parameter(struct builder *out, const char *name, struct slice value)
{
    build_byte(out, ' ');
    build_text(out, name);
    build_byte(out, '=');
    build_bytes(out, value);
}

/* RFC 6533 3: where SMTPUTF8 is not to be had, characters beyond ASCII are spelled out. */
static void write_orcpt(struct slice orcpt, bool utf8, struct builder *out)
{
    build_text(out, " ORCPT=");
    while (orcpt.n > 0) {
        uint32_t code = orcpt.p[0];
        size_t n = 1;

        (void)utf8_decode(orcpt, &code, &n);
        if (utf8 || code < 0x80)
            build_bytes(out, slice_sub(orcpt, 0, n));
        else
            build_printf(out, "\\x{%X}", code);
        orcpt = slice_from(orcpt, n);
    }
}

bool smtpc_mail_has_dsn(const struct smtpc_envelope *e)
{
    return e->ret.n > 0 || e->envid.n > 0;
}

/* RFC 3461 5.2.1 d: who asks for reports without saying for whom means the recipient itself. */
static void write_recipient_dsn(const struct smtpc_recipient *r, const struct smtpc_envelope *e,
                                bool utf8, struct builder *out)
{
    if (r->notify.n > 0)
        write_parameter(out, "NOTIFY", r->notify);
    if (r->orcpt.n > 0) {
        write_orcpt(r->orcpt, utf8, out);
    } else if ((r->notify.n > 0 || e->envid.n > 0) && utf8_is_ascii(r->address)) {
        build_text(out, " ORCPT=rfc822;");
        smtp_xtext_encode(out, r->address);
    }
}

/* ---- commands ---- */

bool smtpc_write_mail(struct smtpc *c, const struct smtpc_envelope *e,
                      const struct smtpc_needs *needs, struct builder *out)
{
    build_text(out, "MAIL FROM:");
    if (!write_path(e->from, needs->utf8, out) || !is_word(e->ret) || !is_word(e->envid))
        return false;
    if (c->offer.size)
        build_printf(out, " SIZE=%llu", (unsigned long long)e->source->size);
    if (e->binary)
        build_text(out, " BODY=BINARYMIME");
    else if (needs->eightbit)
        build_text(out, " BODY=8BITMIME");
    if (needs->utf8)
        build_text(out, " SMTPUTF8");
    if (e->require_tls)
        build_text(out, " REQUIRETLS");
    if (needs->dsn && e->ret.n > 0)
        write_parameter(out, "RET", e->ret);
    if (needs->dsn && e->envid.n > 0)
        write_parameter(out, "ENVID", e->envid);
    return build_ok(out);
}

bool smtpc_write_rcpt(const struct smtpc_recipient *r, const struct smtpc_envelope *e,
                      const struct smtpc_needs *needs, struct builder *out)
{
    build_text(out, "RCPT TO:");
    if (r->address.n == 0 || !write_path(r->address, needs->utf8, out) || !is_word(r->notify) ||
        !is_word(r->orcpt))
        return false;
    if (needs->dsn)
        write_recipient_dsn(r, e, needs->utf8, out);
    return build_ok(out);
}
