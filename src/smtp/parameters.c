#include "smtp/parameters.h"

#include "base/ascii.h"
#include "base/num.h"
#include "smtp/command.h"

#define OK ((struct smtp_reply){0})

struct parameter {
    struct slice keyword;
    struct slice value;
    bool has_value;
};

static bool is_keyword(int byte)
{
    return ascii_is_alnum(byte) || byte == '-';
}

static bool is_value(int byte)
{
    return ascii_is_graph(byte) && byte != '=';
}

/* RFC 1870 3: 1*20DIGIT. It is a promise only: what really comes is counted. */
static struct smtp_reply apply_size(struct slice value, const struct smtp_parameter_rules *rules,
                                    struct smtp_transaction *t)
{
    if (value.n > 20 || !num_parse(value, INT64_MAX, &t->size))
        return SMTP_REPLY(501, "5.5.2", "the value of SIZE is not a number of octets");
    t->has_size = true;
    if (t->size > rules->size_max)
        return SMTP_REPLY(552, "5.3.4", "message is larger than the maximum");
    return OK;
}

/* RFC 6152 2. */
static struct smtp_reply apply_body(struct slice value, const struct smtp_parameter_rules *rules,
                                    struct smtp_transaction *t)
{
    (void)rules;
    t->body_8bit = slice_eq_nocase(value, SLICE("8BITMIME"));
    if (!t->body_8bit && !slice_eq_nocase(value, SLICE("7BIT")))
        return SMTP_REPLY(555, "5.5.4", "this kind of BODY is not known here");
    return OK;
}

/* RFC 4954 5: who originally submitted the message, as the peer believes. We trust nobody with it,
 * so it is only read. */
static struct smtp_reply apply_auth(struct slice value, const struct smtp_parameter_rules *rules,
                                    struct smtp_transaction *t)
{
    struct slice decoded;

    (void)rules;
    if (!slice_eq(value, SLICE("<>")) && !smtp_xtext_decode(&t->arena, value, &decoded))
        return SMTP_REPLY(501, "5.5.2", "the value of AUTH is not xtext");
    return OK;
}

static const struct mail_parameter {
    struct slice keyword;
    struct smtp_reply (*apply)(struct slice value, const struct smtp_parameter_rules *rules,
                               struct smtp_transaction *t);
} mail_parameters[] = {
    {SLICE_INIT("SIZE"), apply_size},
    {SLICE_INIT("BODY"), apply_body},
    {SLICE_INIT("AUTH"), apply_auth},
};

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

static struct smtp_reply syntax(void)
{
    return SMTP_REPLY(501, "5.5.2", "syntax error in the parameters");
}

struct smtp_reply smtp_mail_parameters(struct cursor *c, const struct smtp_parameter_rules *rules,
                                       struct smtp_transaction *t)
{
    struct parameter p;
    unsigned seen = 0;

    while (next_parameter(c, rules->trailing_space, &p)) {
        size_t i = 0;

        while (i < ARRAY_SIZE(mail_parameters) &&
               !slice_eq_nocase(p.keyword, mail_parameters[i].keyword))
            i++;
        if (i == ARRAY_SIZE(mail_parameters))
            return SMTP_REPLY(555, "5.3.3", "parameter not known here");
        if (seen & 1u << i)
            return SMTP_REPLY(501, "5.5.4", "parameter given twice");
        seen |= 1u << i;
        if (!p.has_value)
            return SMTP_REPLY(501, "5.5.2", "parameter without its value");
        struct smtp_reply reply = mail_parameters[i].apply(p.value, rules, t);

        if (reply.code != 0)
            return reply;
    }
    return cur_ok(c) ? OK : syntax();
}

struct smtp_reply smtp_rcpt_parameters(struct cursor *c, const struct smtp_parameter_rules *rules)
{
    struct parameter p;

    if (next_parameter(c, rules->trailing_space, &p))
        return SMTP_REPLY(555, "5.3.3", "parameter not known here");
    return cur_ok(c) ? OK : syntax();
}
