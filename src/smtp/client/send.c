/* A message to many: how they are shared out over transactions, and who gets another one. */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "smtp/client/client_private.h"

/* RFC 5321 4.5.3.1.8: what every server has to take. */
#define RECIPIENTS_PER_MAIL 100u
/* A batch of these fits into what is sent at once. */
#define COMMAND_OCTETS_MAX 4096u

/* ---- what can be known beforehand ---- */

static void settle(struct smtpc_recipient *v, size_t n, struct smtpc_outcome outcome)
{
    for (size_t i = 0; i < n; i++)
        v[i].outcome = outcome;
}

struct obstacle {
    bool there;
    enum smtpc_state state;
    enum smtpc_reason reason;
    const char *text;
};

static int check_envelope(struct smtpc *c, const struct smtpc_envelope *e, struct err *err)
{
    const struct smtpc_offer *o = &c->offer;
    const struct obstacle obstacles[] = {
        {o->size_max > 0 && e->source->size > o->size_max, SMTPC_PERMANENT, SMTPC_BY_SIZE,
         "the message is larger than the server takes"},
        {e->require_tls && (!o->requiretls || !stream_tls(c->stream, NULL)), SMTPC_TEMPORARY,
         SMTPC_NO_REQUIRETLS, "the message needs REQUIRETLS, which the server does not offer"},
        {(e->utf8_header || smtpc_address_needs_utf8(e->from)) && !o->smtputf8, SMTPC_TEMPORARY,
         SMTPC_NO_SMTPUTF8, "the message needs SMTPUTF8, which the server does not offer"},
        {e->binary && (!o->binary || !o->chunking), SMTPC_PERMANENT, SMTPC_NO_BINARYMIME,
         "the message needs BINARYMIME, which the server does not offer"},
        {e->eightbit && !o->eightbit && c->settings.strict_8bit, SMTPC_PERMANENT, SMTPC_NO_8BITMIME,
         "the message needs 8BITMIME, which the server does not offer"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(obstacles); i++) {
        if (!obstacles[i].there)
            continue;
        (void)err_set(err, ERR_INVALID, "%s", obstacles[i].text);
        return smtpc_give_up(c, obstacles[i].state, obstacles[i].reason, "MAIL", err);
    }
    return 0;
}

/* An address that cannot be written, or not without SMTPUTF8. */
static bool check_recipient(struct smtpc *c, const struct smtpc_envelope *e,
                            struct smtpc_recipient *r)
{
    const struct smtpc_needs all = {.utf8 = true, .dsn = true};
    struct builder out;
    struct err err;

    build_init(&out, COMMAND_OCTETS_MAX);
    bool written = smtpc_write_rcpt(r, e, &all, &out);

    build_done(&out);
    if (!written) {
        (void)err_set(&err, ERR_INVALID, "this is no address");
        r->outcome = smtpc_of_err(e->arena, &err, SMTPC_PERMANENT, SMTPC_BY_CONTENT, "RCPT");
        return false;
    }
    if (!smtpc_address_needs_utf8(r->address) || c->offer.smtputf8)
        return true;
    (void)err_set(&err, ERR_INVALID, "the address needs SMTPUTF8, which the server does not offer");
    r->outcome = smtpc_of_err(e->arena, &err, SMTPC_TEMPORARY, SMTPC_NO_SMTPUTF8, "RCPT");
    return false;
}

static int check_sender(struct smtpc *c, const struct smtpc_envelope *e, struct err *err)
{
    const struct smtpc_needs needs = {.utf8 = c->offer.smtputf8, .dsn = true};
    struct builder out;

    build_init(&out, COMMAND_OCTETS_MAX);
    bool written = smtpc_write_mail(c, e, &needs, &out);

    build_done(&out);
    if (written)
        return 0;
    (void)err_set(err, ERR_INVALID, "the sender is no address");
    return smtpc_give_up(c, SMTPC_PERMANENT, SMTPC_BY_CONTENT, "MAIL", err);
}

/* ---- sharing out ---- */

static struct slice domain_of(const struct smtpc_recipient *r)
{
    return slice_from(r->address, slice_rfind_byte(r->address, '@') + 1);
}

static bool domain_is_new(struct smtpc_recipient *const *list, size_t n,
                          const struct smtpc_recipient *r)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq_nocase(domain_of(list[i]), domain_of(r)))
            return false;
    return true;
}

/* RFC 9422 4: how many of the pending ones, from the front, fit into a transaction. */
static size_t fit(const struct smtpc *c, struct smtpc_recipient *const *pending, size_t n)
{
    const struct smtpc_limits *l = &c->offer.limits;
    size_t max = MIN(n, l->rcpt_max ? l->rcpt_max : RECIPIENTS_PER_MAIL);
    size_t domains = 0, i = 0;

    if (l->rcpt_domain_max == 0)
        return max;
    for (; i < max; i++) {
        domains += domain_is_new(pending, i, pending[i]);
        if (domains > l->rcpt_domain_max)
            break;
    }
    return i;
}

/* RFC 3461 announced but refused (outbound 28.6): once more without it. */
static bool refused_dsn(const struct smtpc *c, const struct smtpc_outcome *o, bool dsn)
{
    return dsn && !c->broken && o->state != SMTPC_TAKEN && strcmp(o->command, "DATA") != 0 &&
           (o->code == 501 || o->code == 555);
}

static bool refused_number(const struct smtpc *c, const struct smtpc_outcome *o, size_t i)
{
    return i > 0 && !c->broken && o->state == SMTPC_TEMPORARY &&
           (o->code == 452 || o->code == 552) && strcmp(o->command, "RCPT") == 0;
}

static bool had_dsn(const struct smtpc *c, const struct smtpc_envelope *e,
                    const struct smtpc_recipient *r)
{
    return c->offer.dsn && !c->plain_dsn &&
           (smtpc_mail_has_dsn(e) || r->notify.n > 0 || r->orcpt.n > 0);
}

/* One transaction; who is to have another one moves to the front of what is left. Returns how many
 * are settled. */
static size_t send_some(struct smtpc *c, const struct smtpc_envelope *e,
                        struct smtpc_recipient **pending, size_t n, struct err *err)
{
    size_t batch = fit(c, pending, n), again = 0;
    bool plain = false;

    if (e->source->rewind(e->source, err) < 0) {
        (void)smtpc_give_up(c, SMTPC_TEMPORARY, SMTPC_BY_CONTENT, "DATA", err);
        c->broken = true;
        return 0;
    }
    smtpc_transaction(c, e, pending, batch, err);
    for (size_t i = batch; i-- > 0;) {
        const struct smtpc_outcome *o = &pending[i]->outcome;
        bool dsn = refused_dsn(c, o, had_dsn(c, e, pending[i]));

        if (!dsn && !refused_number(c, o, i))
            continue;
        plain |= dsn;
        struct smtpc_recipient *keep = pending[i];

        again++;
        pending[i] = pending[batch - again];
        pending[batch - again] = keep;
    }
    c->plain_dsn |= plain;
    return batch - again;
}

static bool out_of_mails(const struct smtpc *c)
{
    return c->offer.limits.mail_max > 0 && c->mails >= c->offer.limits.mail_max;
}

static void send_all(struct smtpc *c, const struct smtpc_envelope *e,
                     struct smtpc_recipient **pending, size_t n, struct err *err)
{
    size_t done = 0;

    while (done < n && !c->broken && !out_of_mails(c))
        done += send_some(c, e, pending + done, n - done, err);
    for (size_t i = done; i < n; i++) {
        struct smtpc_outcome *o = &pending[i]->outcome;

        if (o->state != SMTPC_NOT_TRIED || !c->broken)
            continue;
        *o = c->failure;
        o->state = SMTPC_TEMPORARY;
        o->text = arena_copy(e->arena, c->failure.text);
    }
}

/* The first that has it, or what became of the first. */
static int conclude(struct smtpc *c, const struct smtpc_recipient *v, size_t n, struct err *err)
{
    const struct smtpc_outcome *o = &v[0].outcome;

    for (size_t i = 0; i < n; i++)
        if (v[i].outcome.state == SMTPC_TAKEN)
            return 0;
    c->failure = *o;
    arena_reset(&c->arena);
    c->failure.text = arena_copy(&c->arena, o->text);
    if (o->code)
        return err_set(err, o->state == SMTPC_PERMANENT ? ERR_INVALID : ERR_UNAVAILABLE,
                       "the server answered %s with %u %.*s", o->command, o->code,
                       SLICE_FMT(slice_sub(o->text, 0, slice_find_byte(o->text, '\n'))));
    return err_set(err, o->state == SMTPC_PERMANENT ? ERR_INVALID : ERR_UNAVAILABLE, "%.*s",
                   SLICE_FMT(o->text));
}

int smtpc_send(struct smtpc *c, const struct smtpc_envelope *e, struct smtpc_recipient *v, size_t n,
               struct err *err)
{
    _cleanup_free_ struct smtpc_recipient **pending = calloc(n ? n : 1, sizeof(*pending));
    size_t pending_n = 0;

    settle(v, n, (struct smtpc_outcome){.state = SMTPC_NOT_TRIED, .command = "MAIL"});
    if (n == 0)
        return err_set(err, ERR_INVALID, "there are no recipients");
    if (!pending)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (c->broken)
        return err_set(err, ERR_INVALID, "the connection cannot be used any more");
    if (check_envelope(c, e, err) < 0 || check_sender(c, e, err) < 0) {
        struct smtpc_outcome outcome = c->failure;

        outcome.text = arena_copy(e->arena, outcome.text);
        settle(v, n, outcome);
        return ERR_NEGATIVE(-(int)err->kind);
    }
    for (size_t i = 0; i < n; i++)
        if (check_recipient(c, e, &v[i]))
            pending[pending_n++] = &v[i];
    send_all(c, e, pending, pending_n, err);
    return conclude(c, v, n, err);
}

/* ---- a message in memory ---- */

static int memory_read(struct smtpc_source *s, uint8_t *buf, size_t room, size_t *n_out,
                       struct err *err)
{
    struct smtpc_memory *m = (struct smtpc_memory *)s;
    struct slice part = slice_sub(m->octets, m->at, room);

    (void)err;
    if (part.n > 0)
        memcpy(buf, part.p, part.n);
    m->at += part.n;
    *n_out = part.n;
    return 0;
}

static int memory_rewind(struct smtpc_source *s, struct err *err)
{
    (void)err;
    ((struct smtpc_memory *)s)->at = 0;
    return 0;
}

void smtpc_memory_init(struct smtpc_memory *m, struct slice octets)
{
    *m = (struct smtpc_memory){
        .base = {.read = memory_read, .rewind = memory_rewind, .size = octets.n},
        .octets = octets,
    };
}
