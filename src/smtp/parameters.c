/* One table says for MAIL and for RCPT which parameters there are, when they are offered, whether
 * they have a value, and what is said about a bad one. */
#include "smtp/parameters.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/utf8.h"
#include "smtp/command.h"
#include "smtp/parameter_values.h"
#include "store.pb-c.h"

#define OK ((struct smtp_reply){0})
#define UNKNOWN SMTP_REPLY(555, "5.3.3", "parameter not known here")
#define BAD SMTP_REPLY(501, "5.5.2", "syntax error in the value of a parameter")
/* RFC 3461 4.5, 5.1 */
#define BAD_DSN SMTP_REPLY(501, "5.5.4", "bad value of a parameter for delivery reports")

#define ENVID_MAX 100 /* RFC 3461 4.4 */
#define ORCPT_MAX 500 /* RFC 3461 4.2 */

enum command { FOR_MAIL, FOR_RCPT };
enum offer { ALWAYS, WITH_FUTURE_RELEASE, WITH_DSN };

struct parameter {
    struct slice keyword;
    struct slice value;
    bool has_value;
};

/* What is filled in. */
struct target {
    const struct smtp_parameter_rules *rules;
    struct smtp_transaction *t;
    const struct smtp_transaction *mail; /* for RCPT: what MAIL said */
    struct smtp_recipient *r;
};

typedef struct smtp_reply apply_function(struct slice value, const struct target *to);

/* RFC 1870 3: 1*20DIGIT. It is a promise only: what really comes is counted. */
static struct smtp_reply apply_size(struct slice value, const struct target *to)
{
    if (value.n > 20 || !num_parse(value, INT64_MAX, &to->t->size))
        return BAD;
    to->t->has_size = true;
    if (to->t->size > to->rules->size_max)
        return SMTP_REPLY(552, "5.3.4", "message is larger than the maximum");
    return OK;
}

/* RFC 6152 2, RFC 3030 3. */
static struct smtp_reply apply_body(struct slice value, const struct target *to)
{
    to->t->body_8bit = slice_eq_nocase(value, SLICE("8BITMIME"));
    to->t->body_binary = slice_eq_nocase(value, SLICE("BINARYMIME"));
    if (!to->t->body_8bit && !to->t->body_binary && !slice_eq_nocase(value, SLICE("7BIT")))
        return SMTP_REPLY(555, "5.5.4", "this kind of BODY is not known here");
    return OK;
}

/* RFC 4954 5: who originally submitted the message, as the peer believes. We trust nobody with it,
 * so it is only read. */
static struct smtp_reply apply_auth(struct slice value, const struct target *to)
{
    struct slice decoded;

    if (!slice_eq(value, SLICE("<>")) && !smtp_xtext_decode(&to->t->arena, value, &decoded))
        return BAD;
    return OK;
}

/* RFC 6531 3.4. */
static struct smtp_reply apply_smtputf8(struct slice value, const struct target *to)
{
    (void)value;
    to->t->smtputf8 = true;
    return OK;
}

/* RFC 8689 2, 4.1. */
static struct smtp_reply apply_requiretls(struct slice value, const struct target *to)
{
    (void)value;
    if (!to->rules->require_tls)
        return UNKNOWN;
    if (!to->rules->tls)
        return SMTP_REPLY(523, "5.7.10", "REQUIRETLS needs TLS");
    to->t->require_tls = true;
    return OK;
}

static struct smtp_reply set_hold(const struct target *to, int64_t until_ns)
{
    int64_t now_ns = to->rules->now_ns;

    if (to->t->hold_until_ns != 0)
        return SMTP_REPLY(501, "5.5.4", "HOLDFOR and HOLDUNTIL exclude each other");
    /* RFC 4865 5.1, 5.2. */
    if (until_ns <= now_ns || until_ns - now_ns > SMTP_HOLD_MAX_S * NS_PER_S)
        return SMTP_REPLY(554, "5.5.4", "messages are not held that long");
    to->t->hold_until_ns = until_ns;
    return OK;
}

/* RFC 4865 3.1: 1 to 9 digits, the first is not 0. */
static struct smtp_reply apply_holdfor(struct slice value, const struct target *to)
{
    uint64_t seconds;

    if (value.n > 9 || slice_at(value, 0) == '0' || !num_parse(value, 999999999, &seconds))
        return BAD;
    return set_hold(to, to->rules->now_ns + (int64_t)seconds * NS_PER_S);
}

static struct smtp_reply apply_holduntil(struct slice value, const struct target *to)
{
    int64_t until_ns;

    return smtp_hold_until_parse(value, &until_ns) ? set_hold(to, until_ns) : BAD;
}

/* RFC 3461 4.3. */
static struct smtp_reply apply_ret(struct slice value, const struct target *to)
{
    if (slice_eq_nocase(value, SLICE("FULL")))
        to->t->ret = GW__WISHES__RET__RET_FULL;
    else if (slice_eq_nocase(value, SLICE("HDRS")))
        to->t->ret = GW__WISHES__RET__RET_HDRS;
    else
        return BAD_DSN;
    return OK;
}

static struct smtp_reply apply_envid(struct slice value, const struct target *to)
{
    if (value.n > ENVID_MAX || !smtp_printable_xtext(value))
        return BAD_DSN;
    to->t->envid = arena_copy(&to->t->arena, value);
    return to->t->envid.n > 0 ? OK : SMTP_REPLY(451, "4.3.0", "out of memory");
}

static struct smtp_reply apply_notify(struct slice value, const struct target *to)
{
    return smtp_notify_parse(value, &to->r->notify) ? OK : BAD_DSN;
}

static struct smtp_reply apply_orcpt(struct slice value, const struct target *to)
{
    if (value.n > ORCPT_MAX || !smtp_orcpt_valid(value, to->mail->smtputf8))
        return BAD_DSN;
    to->r->orcpt = value;
    return OK;
}

static const struct row {
    struct slice keyword;
    enum command command;
    enum offer offer;
    bool has_value;
    apply_function *apply;
} rows[] = {
    {SLICE_INIT("SIZE"), FOR_MAIL, ALWAYS, true, apply_size},
    {SLICE_INIT("BODY"), FOR_MAIL, ALWAYS, true, apply_body},
    {SLICE_INIT("SMTPUTF8"), FOR_MAIL, ALWAYS, false, apply_smtputf8},
    {SLICE_INIT("AUTH"), FOR_MAIL, ALWAYS, true, apply_auth},
    {SLICE_INIT("REQUIRETLS"), FOR_MAIL, ALWAYS, false, apply_requiretls},
    {SLICE_INIT("HOLDFOR"), FOR_MAIL, WITH_FUTURE_RELEASE, true, apply_holdfor},
    {SLICE_INIT("HOLDUNTIL"), FOR_MAIL, WITH_FUTURE_RELEASE, true, apply_holduntil},
    {SLICE_INIT("RET"), FOR_MAIL, WITH_DSN, true, apply_ret},
    {SLICE_INIT("ENVID"), FOR_MAIL, WITH_DSN, true, apply_envid},
    {SLICE_INIT("NOTIFY"), FOR_RCPT, WITH_DSN, true, apply_notify},
    {SLICE_INIT("ORCPT"), FOR_RCPT, WITH_DSN, true, apply_orcpt},
};
_Static_assert(ARRAY_SIZE(rows) <= 32, "`seen` has a bit for each");

static bool is_keyword(int byte)
{
    return ascii_is_alnum(byte) || byte == '-';
}

/* Wider than esmtp-value, by "=" and UTF-8: whose value it is decides what is said. */
static bool is_value(int byte)
{
    return ascii_is_graph(byte) || byte >= 0x80;
}

/* False at the end of the command, and when the cursor failed. */
static bool next_parameter(struct cursor *c, bool trailing_space, struct parameter *out)
{
    struct cursor end = *c;

    smtp_args_end(&end, trailing_space);
    if (cur_ok(&end)) {
        *c = end;
        return false;
    }
    cur_byte(c, ' ', "space before a parameter");
    out->keyword = cur_span(c, is_keyword, 1, "keyword of a parameter");
    if (slice_at(out->keyword, 0) == '-')
        cur_reject(c, "keyword of a parameter");
    out->has_value = cur_eat(c, '=');
    out->value =
        out->has_value ? cur_span(c, is_value, 0, "value of a parameter") : (struct slice){NULL, 0};
    int next = cur_peek(c);

    if (next != ' ' && next != -1 && !(trailing_space && next == '\t'))
        cur_reject(c, "value of a parameter");
    return cur_ok(c);
}

static bool offered(const struct row *row, const struct smtp_parameter_rules *rules)
{
    switch (row->offer) {
    case WITH_FUTURE_RELEASE:
        return rules->future_release;
    case WITH_DSN:
        return rules->dsn;
    case ALWAYS:
        break;
    }
    return true;
}

static const struct row *find(struct slice keyword, enum command command,
                              const struct smtp_parameter_rules *rules)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].command == command && slice_eq_nocase(keyword, rows[i].keyword))
            return offered(&rows[i], rules) ? &rows[i] : NULL;
    return NULL;
}

static struct smtp_reply read_all(struct cursor *c, enum command command, const struct target *to)
{
    struct parameter p;
    unsigned seen = 0;

    while (next_parameter(c, to->rules->trailing_space, &p)) {
        const struct row *row = find(p.keyword, command, to->rules);

        if (row == NULL && slice_find_byte(p.value, '=') != SIZE_MAX)
            return BAD;
        if (row == NULL)
            return UNKNOWN;
        unsigned bit = 1u << (row - rows);

        if (seen & bit)
            return SMTP_REPLY(501, "5.5.4", "parameter given twice");
        seen |= bit;
        if (p.has_value != row->has_value)
            return row->offer == WITH_DSN ? BAD_DSN : BAD;
        struct smtp_reply reply = row->apply(p.value, to);

        if (reply.code != 0)
            return reply;
    }
    return cur_ok(c) ? OK : BAD;
}

struct smtp_reply smtp_mail_parameters(struct cursor *c, const struct smtp_parameter_rules *rules,
                                       struct smtp_transaction *t)
{
    const struct target to = {.rules = rules, .t = t};

    return read_all(c, FOR_MAIL, &to);
}

struct smtp_reply smtp_rcpt_parameters(struct cursor *c, const struct smtp_parameter_rules *rules,
                                       const struct smtp_transaction *t, struct smtp_recipient *r)
{
    const struct target to = {.rules = rules, .mail = t, .r = r};

    return read_all(c, FOR_RCPT, &to);
}
