/* First the text is split into header and body, with the line ends that mail has; then the fields
 * are written again one by one. */
#include "sendmail/compose.h"

#include "base/num.h"
#include "base/utf8.h"
#include "mail/address.h"
#include "mail/compose.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/message.h"

#define LINE_OCTETS_MAX 998u /* RFC 5322 2.1.1 */

struct work {
    struct arena *a;
    const struct compose_input *in;
    struct compose_message *out;
    struct builder head, body;
    struct mail_header header;
    struct slice *recipients;
    bool added_from; /* instead of what was there */
};

/* ---- lines ---- */

/* The next line without its end, which is CRLF, LF, or CR. False: there is none. */
static bool next_line(struct slice *text, struct slice *line)
{
    size_t n = 0;

    if (text->n == 0)
        return false;
    while (n < text->n && text->p[n] != '\n' && text->p[n] != '\r')
        n++;
    *line = slice_sub(*text, 0, n);
    if (slice_at(*text, n) == '\r' && slice_at(*text, n + 1) == '\n')
        n++;
    *text = slice_from(*text, n + 1);
    return true;
}

/* RFC 5322 2.2, and the obsolete white space in front of the colon. */
static bool is_field(struct slice line)
{
    size_t n = 0;

    while (n < line.n && line.p[n] > ' ' && line.p[n] < 0x7f && line.p[n] != ':')
        n++;
    size_t colon = n;

    while (slice_at(line, colon) == ' ' || slice_at(line, colon) == '\t')
        colon++;
    return n > 0 && slice_at(line, colon) == ':';
}

static bool is_continuation(struct slice line, const struct builder *head)
{
    return head->n > 0 && (slice_at(line, 0) == ' ' || slice_at(line, 0) == '\t');
}

static void put_line(struct builder *to, struct slice line)
{
    build_bytes(to, line);
    build_text(to, "\r\n");
}

static int split(struct work *w, struct err *err)
{
    struct slice text = w->in->text, line;
    bool header = true, first = true;

    while (next_line(&text, &line)) {
        bool mbox =
            first && (slice_starts(line, SLICE("From ")) || slice_starts(line, SLICE(">From ")));

        first = false;
        if (mbox)
            continue;
        if (!w->in->ignore_dots && slice_eq(line, SLICE(".")))
            break;
        if (header && line.n == 0) {
            header = false;
            continue;
        }
        /* A line that cannot be in a header is the first of a body without an empty line. */
        header = header && (is_field(line) || is_continuation(line, &w->head));
        put_line(header ? &w->head : &w->body, line);
    }
    if (!build_ok(&w->head) || !build_ok(&w->body))
        return err_set(err, ERR_LIMIT, "the message is too large");
    return 0;
}

/* ---- recipients ---- */

static bool known(const struct work *w, struct slice address)
{
    for (size_t i = 0; i < w->out->recipients_n; i++)
        if (slice_eq(w->recipients[i], address))
            return true;
    return false;
}

static int add_recipient(struct work *w, const struct mail_address *m, struct slice written,
                         struct err *err)
{
    struct slice address = w->in->default_destination;

    if (m->kind != MAIL_ADDRESS_MAILBOX)
        return 0;
    /* A name alone is read as a display name without an address. */
    bool bare = m->domain.n == 0 && m->name.n > 0 && slice_find_byte(m->name, ' ') == SIZE_MAX;

    if (bare ? address.n == 0 : m->localpart.n == 0 || m->domain.n == 0)
        return err_set(err, ERR_INVALID, "not an address that can be sent to: %.*s",
                       SLICE_FMT(slice_sub(slice_trim(written), 0, 80)));
    if (!bare)
        address = arena_printf(w->a, "%.*s@%.*s", SLICE_FMT(m->localpart), SLICE_FMT(m->domain));
    if (known(w, address))
        return 0;
    if (w->out->recipients_n == COMPOSE_RECIPIENTS_MAX)
        return err_set(err, ERR_LIMIT, "too many recipients");
    w->recipients[w->out->recipients_n++] = address;
    return 0;
}

static int add_list(struct work *w, struct slice text, struct err *err)
{
    struct mail_address_list list;
    int rc = mail_address_list_parse(w->a, text, &list, err);

    if (rc == 0 && list.n >= MAIL_ADDRESSES_MAX)
        rc = err_set(err, ERR_LIMIT, "too many addresses in one field");
    for (size_t i = 0; i < list.n && rc == 0; i++)
        rc = add_recipient(w, &list.v[i], text, err);
    return rc;
}

/* RFC 5322 3.6.6: of a message that is sent on, the fields of its latest sending count. */
static int add_fields(struct work *w, struct err *err)
{
    static const struct slice names[2][3] = {
        {SLICE_INIT("Resent-To"), SLICE_INIT("Resent-Cc"), SLICE_INIT("Resent-Bcc")},
        {SLICE_INIT("To"), SLICE_INIT("Cc"), SLICE_INIT("Bcc")}};
    size_t resent = 0;
    int rc = 0;

    for (size_t i = 0; i < 3; i++)
        resent += mail_header_count(&w->header, names[0][i]);
    for (size_t i = 0; i < 3; i++) {
        struct slice name = names[resent == 0][i];
        size_t n = mail_header_count(&w->header, name);

        for (size_t k = 0; k < n && rc == 0; k++)
            rc = add_list(w, mail_header_find(&w->header, name, k)->body, err);
    }
    return rc;
}

static int find_recipients(struct work *w, struct err *err)
{
    int rc = 0;

    w->recipients = ARENA_ARRAY(w->a, COMPOSE_RECIPIENTS_MAX, struct slice);
    if (!w->recipients)
        return err_set(err, ERR_NOMEM, "out of memory");
    w->out->recipients = w->recipients;
    for (size_t i = 0; i < w->in->recipients_n && rc == 0; i++)
        rc = add_list(w, slice_str(w->in->recipients[i]), err);
    if (rc == 0 && w->in->from_header)
        rc = add_fields(w, err);
    if (rc == 0 && w->out->recipients_n == 0)
        rc = err_set(err, ERR_INVALID, "there are no recipients");
    return rc;
}

/* ---- From ---- */

bool compose_may_use(const struct compose_input *in, struct slice address)
{
    struct slice domain = slice_from(address, slice_rfind_byte(address, '@'));

    if (slice_eq_nocase(address, in->from))
        return true;
    for (size_t i = 0; i < in->allowed_n; i++) {
        struct slice one = in->allowed[i];

        if (slice_eq_nocase(one, slice_at(one, 0) == '@' ? domain : address))
            return true;
    }
    return false;
}

/* Its From field may stay; *name_out: the name in one that may not. */
static bool from_may_stay(struct work *w, struct slice *name_out)
{
    const struct mail_field *f = mail_header_find(&w->header, SLICE("From"), 0);
    struct mail_address_list list;
    struct err unused;

    if (!f || mail_address_list_parse(w->a, f->body, &list, &unused) < 0 || list.n != 1 ||
        list.v[0].kind != MAIL_ADDRESS_MAILBOX)
        return false;
    if (list.v[0].name.n > 0)
        *name_out = list.v[0].name;
    return compose_may_use(w->in, arena_printf(w->a, "%.*s@%.*s", SLICE_FMT(list.v[0].localpart),
                                               SLICE_FMT(list.v[0].domain)));
}

static void put_mailbox(struct work *w, struct slice field, struct slice name, struct slice address)
{
    size_t at = slice_rfind_byte(address, '@');
    const struct mail_address mailbox = {.name = mail_words_decode(w->a, name),
                                         .localpart = slice_sub(address, 0, at),
                                         .domain = slice_from(address, at + 1),
                                         .kind = MAIL_ADDRESS_MAILBOX};
    const struct mail_address_list list = {.v = &mailbox, .n = 1};

    build_bytes(&w->out->wire, mail_field_addresses(w->a, field, &list, false));
}

static void put_from(struct work *w)
{
    struct slice name = w->in->name;

    w->added_from = !from_may_stay(w, &name);
    if (w->added_from)
        put_mailbox(w, SLICE("From:"), name, w->in->from);
}

/* ---- what is missing ---- */

static bool has(const struct work *w, struct slice name)
{
    return mail_header_count(&w->header, name) > 0;
}

/* Who is on the command line may be meant to stay hidden, unless there is only one. */
static void put_to(struct work *w)
{
    if (has(w, SLICE("To")) || has(w, SLICE("Cc")))
        return;
    if (w->out->recipients_n > 1 || has(w, SLICE("Bcc")))
        build_text(&w->out->wire, "To: undisclosed-recipients:;\r\n");
    else
        put_mailbox(w, SLICE("To:"), SLICE(""), w->recipients[0]);
}

static void put_missing(struct work *w)
{
    struct builder *out = &w->out->wire;
    struct slice from = w->in->from;

    if (!has(w, SLICE("Date"))) {
        build_text(out, "Date: ");
        mail_date_append(out, w->in->now_s, 0, true);
        build_text(out, "\r\n");
    }
    if (!has(w, SLICE("Message-ID"))) {
        struct slice domain = slice_from(from, slice_rfind_byte(from, '@') + 1);
        struct slice id =
            mail_message_id(w->a, slice_of(w->in->random, sizeof(w->in->random)), domain);

        build_text(out, "Message-ID: ");
        build_bytes(out, id);
        build_text(out, "\r\n");
    }
    put_to(w);
    if (w->in->tls_optional && !has(w, SLICE("TLS-Required")))
        build_text(out, "TLS-Required: No\r\n");
}

/* ---- the fields that are there ---- */

static bool is_one_of(struct slice name, const struct slice *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_nocase(name, names[i]))
            return true;
    return false;
}

static bool is_dropped(const struct work *w, const struct mail_field *f)
{
    static const struct slice names[] = {
        SLICE_INIT("Bcc"), SLICE_INIT("Resent-Bcc"), SLICE_INIT("Return-Path"),
        /* of a message that comes out of the dead letters again */
        SLICE_INIT("X-Dead-Letter-From"), SLICE_INIT("X-Dead-Letter-To"),
        SLICE_INIT("X-Dead-Letter-Reason")};

    if (slice_eq_nocase(f->name, SLICE("From")))
        return w->added_from || f != mail_header_find(&w->header, SLICE("From"), 0);
    return is_one_of(f->name, names, ARRAY_SIZE(names));
}

static bool needs_utf8(const struct mail_address *m)
{
    return !utf8_is_ascii(m->localpart) || !utf8_is_ascii(m->domain);
}

static void put_addresses(struct work *w, const struct mail_field *f, struct slice name)
{
    struct mail_address_list list;
    struct mail_address *v;
    struct err unused;

    if (mail_address_list_parse(w->a, f->body, &list, &unused) < 0)
        return;
    v = ARENA_ARRAY(w->a, list.n ? list.n : 1, struct mail_address);
    if (!v)
        return;
    for (size_t i = 0; i < list.n; i++) {
        v[i] = list.v[i];
        v[i].name = mail_words_decode(w->a, list.v[i].name);
        w->out->utf8_header |= needs_utf8(&v[i]);
    }
    list.v = v;
    build_bytes(&w->out->wire, mail_field_addresses(w->a, name, &list, false));
}

static void put_field(struct work *w, const struct mail_field *f)
{
    static const struct slice address_fields[] = {SLICE_INIT("From"),
                                                  SLICE_INIT("Sender"),
                                                  SLICE_INIT("Reply-To"),
                                                  SLICE_INIT("To"),
                                                  SLICE_INIT("Cc"),
                                                  SLICE_INIT("Resent-From"),
                                                  SLICE_INIT("Resent-Sender"),
                                                  SLICE_INIT("Resent-To"),
                                                  SLICE_INIT("Resent-Cc")};
    struct builder *out = &w->out->wire;

    if (utf8_is_ascii(f->raw)) {
        build_bytes(out, f->raw);
        return;
    }
    struct slice name = arena_printf(w->a, "%.*s:", SLICE_FMT(f->name));

    if (is_one_of(f->name, address_fields, ARRAY_SIZE(address_fields)))
        put_addresses(w, f, name);
    else
        build_bytes(out, mail_field_text(w->a, name, mail_words_decode(w->a, f->body), false));
}

/* ---- the body ---- */

static bool has_long_lines(struct slice body)
{
    while (body.n > 0) {
        size_t n = slice_find(body, SLICE("\r\n"));

        if (MIN(n, body.n) > LINE_OCTETS_MAX)
            return true;
        body = n == SIZE_MAX ? SLICE("") : slice_from(body, n + 2);
    }
    return false;
}

/* RFC 2045 3, 5.2: without fields a body is ASCII in lines of at most 998 octets. */
static void put_body(struct work *w)
{
    struct builder *out = &w->out->wire;
    struct slice body = build_slice(&w->body);
    bool ascii = utf8_is_ascii(body), encode = has_long_lines(body);
    bool described = has(w, SLICE("MIME-Version")) || has(w, SLICE("Content-Type")) ||
                     has(w, SLICE("Content-Transfer-Encoding"));

    encode = encode && !described;
    if (!described && (!ascii || encode))
        build_printf(out,
                     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=%s\r\n"
                     "Content-Transfer-Encoding: %s\r\n",
                     ascii              ? "us-ascii"
                     : utf8_valid(body) ? "utf-8"
                                        : "iso-8859-1",
                     encode ? "quoted-printable" : "8bit");
    build_text(out, "\r\n");
    if (encode)
        compose_quoted_printable(out, body);
    else
        build_bytes(out, body);
}

static int compose_parts(struct work *w, struct err *err)
{
    int rc = split(w, err);

    if (rc == 0)
        rc = mail_header_parse(w->a, build_slice(&w->head), &w->header, err);
    if (rc == 0 && w->header.n >= MAIL_FIELDS_MAX)
        rc = err_set(err, ERR_LIMIT, "too many header fields");
    if (rc == 0)
        rc = find_recipients(w, err);
    if (rc < 0)
        return rc;
    put_from(w);
    put_missing(w);
    for (size_t i = 0; i < w->header.n; i++)
        if (!is_dropped(w, &w->header.fields[i]))
            put_field(w, &w->header.fields[i]);
    put_body(w);
    w->out->eightbit = !utf8_is_ascii(build_slice(&w->out->wire));
    if (!build_ok(&w->out->wire))
        return err_set(err, ERR_LIMIT, "the message is too large");
    return arena_failed(w->a) ? err_set(err, ERR_NOMEM, "out of memory") : 0;
}

int compose(struct arena *a, const struct compose_input *in, struct compose_message *out,
            struct err *err)
{
    struct work w = {.a = a, .in = in, .out = out};

    *out = (struct compose_message){.recipients_n = 0};
    build_init(&out->wire, 4 * COMPOSE_MESSAGE_MAX);
    build_init(&w.head, COMPOSE_MESSAGE_MAX);
    build_init(&w.body, 2 * COMPOSE_MESSAGE_MAX);
    int rc = compose_parts(&w, err);

    build_done(&w.head);
    build_done(&w.body);
    return rc;
}

void compose_done(struct compose_message *m)
{
    build_done(&m->wire);
}
