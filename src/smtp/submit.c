/* Submission (RFC 6409): who may send as whom, and what a message of a mail client lacks is added.
 */
#include "base/ascii.h"
#include "base/builder.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/encode.h"
#include "base/secret.h"
#include "mail/date.h"
#include "mail/message.h"
#include "smtp/session_private.h"

#define HEADER_LINE_MAX 1000 /* RFC 5322 2.1.1, with CRLF */

#define OK ((struct smtp_reply){0})

/* The address that logged in, and whatever the directory says the account may send from. */
struct smtp_reply smtp_sender_check(struct smtp_session *s, struct slice address)
{
    const Gw__Resolution *resolution;
    struct err err;

    if (slice_eq(address, s->login))
        return OK;
    if (smtp_resolve(s, address, &resolution, &err) < 0) {
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

static bool lines_too_long(struct slice field)
{
    while (field.n > 0) {
        size_t lf = slice_find_byte(field, '\n');
        size_t n = lf == SIZE_MAX ? field.n : lf + 1;

        if (n > HEADER_LINE_MAX)
            return true;
        field = slice_from(field, n);
    }
    return false;
}

static bool is_token(int byte)
{
    return ascii_is_graph(byte) && strchr("()<>@,;:\\\"/[]?=", byte) == NULL;
}

/* RFC 2045 5.1: begins with type "/" subtype. */
static bool content_type_valid(struct slice body)
{
    struct cursor c = cur_init(slice_trim(body));

    (void)cur_span(&c, is_token, 1, "type");
    cur_byte(&c, '/', "slash");
    (void)cur_span(&c, is_token, 1, "subtype");
    return cur_ok(&c);
}

static struct smtp_reply check_header(const struct mail_part *root)
{
    for (size_t i = 0; i < root->header->n; i++)
        if (lines_too_long(root->header->fields[i].raw))
            return SMTP_REPLY(550, "5.6.0", "a header line is longer than 998 octets");
    const struct mail_field *type = mail_header_find(root->header, SLICE("Content-Type"), 0);

    if (type != NULL && !content_type_valid(type->body))
        return SMTP_REPLY(550, "5.6.0", "the Content-Type field is malformed");
    return OK;
}

/* RFC 6409 8: exactly one author, who must be the one who logged in. */
static struct smtp_reply check_from(struct smtp_session *s, struct arena *a,
                                    const struct mail_part *root)
{
    const struct mail_address_list *from = root->envelope != NULL ? &root->envelope->from : NULL;

    if (from == NULL || mail_header_count(root->header, SLICE("From")) != 1)
        return SMTP_REPLY(550, "5.6.0", "there must be exactly one From field");
    if (from->n != 1 || from->v[0].kind != MAIL_ADDRESS_MAILBOX || from->v[0].domain.n == 0)
        return SMTP_REPLY(550, "5.6.0", "there must be exactly one address in From");
    struct slice address =
        arena_printf(a, "%.*s@%.*s", SLICE_FMT(from->v[0].localpart), SLICE_FMT(from->v[0].domain));

    if (arena_failed(a))
        return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    return smtp_sender_check(s, address);
}

static bool is_missing(const struct mail_part *root, struct slice name)
{
    const struct mail_field *field = mail_header_find(root->header, name, 0);

    return field == NULL || slice_trim(field->body).n == 0;
}

static struct slice new_message_id(struct smtp_session *s, struct arena *a)
{
    uint8_t octets[16];
    struct builder text;

    random_bytes(octets, sizeof(octets));
    build_init(&text, 64);
    encode_base64url(&text, slice_of(octets, sizeof(octets)));
    struct slice id = arena_printf(a, "<%.*s@%.*s>", SLICE_FMT(build_slice(&text)),
                                   SLICE_FMT(smtp_settings(s)->hostname));

    build_done(&text);
    return id;
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

struct smtp_reply smtp_submit_check(struct smtp_session *s, struct smtp_message *m)
{
    const struct mail_part *root = m->parsed->root;
    struct smtp_reply reply = check_header(root);

    if (reply.code == 0)
        reply = check_from(s, m->arena, root);
    if (reply.code == 0 && !add_missing_fields(s, m))
        reply = SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    return reply;
}
