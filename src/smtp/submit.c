/* Submission (RFC 6409): who may send as whom, and what a message of a mail client lacks is added.
 */
#include "base/builder.h"
#include "base/clock.h"
#include "base/secret.h"
#include "mail/compose.h"
#include "mail/date.h"
#include "mail/message.h"
#include "smtp/session_private.h"
#include "smtp/submit_header.h"

#define OK ((struct smtp_reply){0})

/* The address that logged in, and whatever the directory says the account may send from. */
struct smtp_reply smtp_sender_check(struct smtp_session *s, struct slice address)
{
    const Gw__Resolution *resolution;
    struct err err;

    if (slice_eq(address, s->login))
        return OK;
    if (smtp_resolve(s, address, GW__RESOLVE__USE__USE_SENDER, &resolution, &err) < 0) {
        smtp_log_failure(s, "resolve sender", &err);
        if (err.kind == ERR_SYNTAX || err.kind == ERR_LIMIT)
            return SMTP_REPLY(550, "5.7.1", "not an address of your account");
        return SMTP_REPLY(451, "4.3.0", "cannot look up the address now, try again later");
    }
    if (resolution->where == GW__RESOLUTION__WHERE__WHERE_DOMAIN_DISABLED)
        return SMTP_REPLY(451, "4.3.0", "the domain sends no mail now, try again later");
    if (resolution->own)
        return OK;
    return SMTP_REPLY(550, "5.7.1", "not an address of your account");
}

/* RFC 6409 6.1: what no program should send, and no server repair. */
static struct smtp_reply check_form(const struct mail_message *m)
{
    if (m->strict == NULL)
        return OK;
    return (struct smtp_reply){550, "5.6.0", slice_str(mail_fault_text(m->strict->kind))};
}

/* RFC 6409 6.1, 8.1: the author must be the one who logged in. */
static struct smtp_reply check_author(struct smtp_session *s, struct arena *a,
                                      const struct mail_address *author)
{
    struct slice address =
        arena_printf(a, "%.*s@%.*s", SLICE_FMT(author->localpart), SLICE_FMT(author->domain));

    if (arena_failed(a))
        return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    return smtp_sender_check(s, address);
}

/* RFC 6152 3, RFC 6531 3.1: content of a kind that was not announced. Everybody sends it, so that
 * it is refused on wish only. */
static struct smtp_reply check_announced(const struct smtp_session *s, const struct smtp_message *m)
{
    if (!smtp_settings(s)->pedantic)
        return OK;
    if (m->parsed->has_8bit && !s->tx.body_8bit && !s->tx.body_binary)
        return SMTP_REPLY(500, "5.6.0", "8-bit content without BODY=8BITMIME");
    if (m->smtputf8 && !s->tx.smtputf8)
        return SMTP_REPLY(550, "5.6.0", "the message needs SMTPUTF8");
    return OK;
}

/* RFC 5321 4.4: the server that delivers writes it. */
static struct smtp_reply check_return_path(const struct smtp_session *s,
                                           const struct mail_part *root)
{
    if (smtp_settings(s)->pedantic && mail_header_count(root->header, SLICE("Return-Path")) > 0)
        return SMTP_REPLY(550, "5.6.0", "Return-Path does not belong into a new message");
    return OK;
}

static bool is_missing(const struct mail_part *root, struct slice name)
{
    const struct mail_field *field = mail_header_find(root->header, name, 0);

    return field == NULL || slice_trim(field->body).n == 0;
}

static struct slice new_message_id(struct smtp_session *s, struct arena *a)
{
    uint8_t octets[16];

    random_bytes(octets, sizeof(octets));
    return mail_message_id(a, slice_of(octets, sizeof(octets)), smtp_settings(s)->hostname);
}

static struct slice date_text(struct arena *a, int64_t unix_s)
{
    struct builder text;

    build_init(&text, 64);
    mail_date_append(&text, unix_s, 0, true);
    struct slice date = arena_copy(a, build_slice(&text));

    build_done(&text);
    return date;
}

/* False: out of memory. */
static bool add_missing_fields(struct smtp_session *s, struct smtp_message *m)
{
    struct slice id = {NULL, 0}, date = {NULL, 0};

    if (is_missing(m->parsed->root, SLICE("Message-Id"))) {
        id = new_message_id(s, m->arena);
        m->fields = arena_printf(m->arena, "Message-Id: %.*s\r\n", SLICE_FMT(id));
    }
    if (is_missing(m->parsed->root, SLICE("Date"))) {
        date = date_text(m->arena, m->received_ns / NS_PER_S);
        m->fields =
            arena_printf(m->arena, "%.*sDate: %.*s\r\n", SLICE_FMT(m->fields), SLICE_FMT(date));
    }
    if (m->fields.n > 0)
        m->parsed = mail_message_with(m->arena, m->parsed, id, date);
    return m->parsed != NULL && !arena_failed(m->arena);
}

/* RFC 8601 2.7.4: who logged in may send from this address. */
static bool add_results(struct smtp_session *s, struct smtp_message *m)
{
    const struct auth_property from = {
        .type = "smtp", .property = "mailfrom", .value = s->tx.from.text, .is_address = true};
    const struct auth_method method = {
        .method = "auth", .result = "pass", .properties = &from, .properties_n = 1};
    struct auth_name host = smtp_name(m->arena, smtp_settings(s)->hostname, m->smtputf8);

    m->results = mail_auth_results(m->arena, &host, &method, 1);
    return m->results.n > 0;
}

struct smtp_reply smtp_submit_check(struct smtp_session *s, struct smtp_message *m)
{
    const struct mail_part *root = m->parsed->root;
    struct smtp_reply reply = check_announced(s, m);

    if (reply.code == 0)
        reply = check_form(m->parsed);
    if (reply.code == 0)
        reply = check_author(s, m->arena, m->parsed->author);
    if (reply.code == 0)
        reply = check_return_path(s, root);
    if (reply.code == 0)
        reply = smtp_extras_read(m->arena, root->header, &m->extras);
    if (reply.code == 0 && (!add_missing_fields(s, m) || !add_results(s, m)))
        reply = SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    return reply;
}
