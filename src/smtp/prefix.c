/* The header fields that go in front of a message, top first:
 *
 *   on delivery      Return-Path, Authentication-Results, Received-SPF, Received
 *   on submission    Return-Path, Received, Message-Id, Date, Authentication-Results
 *
 * The store, which decides where a copy goes, writes X-Godwit-Reason and Delivered-To (RFC 9228)
 * above them. */
#include <idn2.h>

#include "base/clock.h"
#include "smtp/received.h"
#include "smtp/session_private.h"

struct auth_name smtp_name(struct arena *a, struct slice ascii, bool smtputf8)
{
    struct auth_name name = {ascii, {NULL, 0}};
    char *text = smtputf8 ? arena_str(a, ascii) : NULL;
    char *unicode = NULL;

    if (text == NULL || slice_find_nocase(ascii, SLICE("xn--")) == SIZE_MAX)
        return name;
    if (idn2_to_unicode_8z8z(text, &unicode, 0) == IDN2_OK)
        name.unicode = arena_copy(a, slice_str(unicode));
    idn2_free(unicode);
    return name;
}

/* RFC 5321 4.5.1: <postmaster> has no domain; in a header field it needs one. */
static struct slice recipient_text(struct smtp_session *s, struct smtp_message *m,
                                   const struct smtp_path *path)
{
    if (path->domain.n > 0)
        return path->text;
    return arena_printf(m->arena, "%.*s@%.*s", SLICE_FMT(path->text),
                        SLICE_FMT(smtp_settings(s)->hostname));
}

static struct slice received(struct smtp_session *s, struct smtp_message *m, struct slice recipient)
{
    struct conn_tls_info tls = conn_tls(s->conn);
    char remote[ADDR_TEXT_MAX], local[ADDR_TEXT_MAX];
    struct smtp_trace trace = {
        .from = smtp_name(m->arena, s->peer, m->smtputf8),
        .reverse = m->reverse,
        .from_ip = slice_str(addr_ip_text(smtp_remote(s), remote)),
        .by = smtp_name(m->arena, smtp_settings(s)->hostname, m->smtputf8),
        .by_ip = slice_str(addr_ip_text(conn_local(s->conn), local)),
        .extended = s->extended,
        .authenticated = smtp_logged_in(s),
        .smtputf8 = m->smtputf8,
        .require_tls = s->tx.require_tls,
        .tls_version = tls.on ? tls.version_name : NULL,
        .tls_cipher = tls.on ? tls.cipher_name : NULL,
        .id = smtp_session_id(s),
        .recipient = recipient,
        .unix_s = m->received_ns / NS_PER_S,
    };

    if (s->submission) {
        /* Where people write their mail is nobody's business, nor to whom else they send it. */
        trace.from = trace.by;
        trace.from_ip = (struct slice){NULL, 0};
        if (s->tx.recipients_n > 1)
            trace.recipient = (struct slice){NULL, 0};
    }
    return smtp_received(m->arena, &trace);
}

struct slice smtp_prefix(struct smtp_session *s, struct smtp_message *m,
                         const struct smtp_path *recipient)
{
    struct slice trace = received(s, m, recipient_text(s, m, recipient));
    struct slice path =
        arena_printf(m->arena, "Return-Path: <%.*s>\r\n", SLICE_FMT(s->tx.from.text));
    const struct slice delivery[] = {path, m->results, trace};
    const struct slice submission[] = {path, trace, m->fields, m->results};
    struct builder b;
    struct slice prefix = {NULL, 0};

    build_init(&b, 64u * 1024);
    for (size_t i = 0; i < (s->submission ? 4u : 3u); i++)
        build_bytes(&b, s->submission ? submission[i] : delivery[i]);
    if (build_ok(&b) && trace.n > 0 && !arena_failed(m->arena))
        prefix = arena_copy(m->arena, build_slice(&b));
    build_done(&b);
    return prefix;
}
