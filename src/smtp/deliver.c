/* From a message and its recipients to calls of Deliver, and from their outcomes to one reply.
 *
 * One call carries all recipients; only when their header fields do not fit into one record are
 * there more calls. The octets travel inside the record when they are few, or as the descriptor of
 * the spool. */
#include <errno.h>
#include <unistd.h>

#include "base/num.h"
#include "edge/facts.h"
#include "smtp/session_private.h"

#define RECORD_ROOM                                                                                \
    (CHANNEL_RECORD_MAX - 1024u) /* what is left for a Deliver call beside the rest of its record  \
                                  */
#define ROOM_MIN (9u * 1024)     /* one recipient with the longest prefix */

struct delivery {
    struct smtp_session *s;
    struct smtp_message *m;
    struct smtp_reply *outcomes; /* one per recipient of the transaction */
    Gw__Content content;
    Gw__Facts facts;
    Gw__Origin origin;
    Gw__Wishes wishes;
    size_t room; /* octets for recipients in one record */
    int fd;
};

static struct smtp_reply reply_of_outcome(struct smtp_session *s, const Gw__Outcome *outcome)
{
    struct err err;

    if (outcome->kind == ERR_NONE)
        return SMTP_REPLY(250, "2.2.0", "message stored");
    (void)err_set(&err,
                  outcome->kind < ERR_KIND_COUNT ? (enum err_kind)outcome->kind : ERR_INTERNAL,
                  "%.*s", SLICE_FMT(rpc_slice(outcome->text)));
    smtp_log_failure(s, "deliver to recipient", &err);
    if (outcome->kind == ERR_DENIED)
        return SMTP_REPLY(550, "5.7.2", "you may not post to this address");
    return smtp_reply_of_err(&err);
}

/* The whole call failed. */
static struct smtp_reply reply_of_failure(const struct smtp_session *s, struct arena *a,
                                          const struct err *err)
{
    if (s->submission && err->kind == ERR_QUOTA)
        return (struct smtp_reply){451, "4.7.1", arena_copy(a, slice_str(err->text))};
    return smtp_reply_of_err(err);
}

/* One call for the recipients whose numbers are in index[]. */
static void call(struct delivery *d, Gw__Recipient **recipients, const size_t *index, size_t n)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Deliver deliver = GW__DELIVER__INIT;
    const Gw__Response *response;
    struct err err;

    deliver.reverse_path = rpc_bytes(d->s->tx.from.address);
    deliver.recipients = recipients;
    deliver.n_recipients = n;
    deliver.content = &d->content;
    deliver.received_ns = d->m->received_ns;
    deliver.origin = &d->origin;
    deliver.wishes = &d->wishes;
    request.call_case = GW__REQUEST__CALL_DELIVER;
    request.deliver = &deliver;
    request.session = d->s->store_session;
    request.cid = conn_id(d->s->conn);
    int rc = edge_call(d->s->listener->edge, d->s->conn, &request, &d->fd, d->fd >= 0 ? 1 : 0,
                       &response, NULL, &err);

    if (rc == 0 && (response->result_case != GW__RESPONSE__RESULT_DELIVERED ||
                    response->delivered->n_outcomes != n))
        rc = err_set(&err, ERR_INTERNAL, "the mail store gave no answer about the message");
    if (rc < 0)
        smtp_log_failure(d->s, "deliver", &err);
    for (size_t i = 0; i < n; i++)
        d->outcomes[index[i]] = rc < 0 ? reply_of_failure(d->s, d->m->arena, &err)
                                       : reply_of_outcome(d->s, response->delivered->outcomes[i]);
}

/* Facts with much text do not leave room for the octets: then these go to a file as well. */
static int spill(struct delivery *d, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__SpoolOpen open = GW__SPOOL_OPEN__INIT;
    const Gw__Response *response;
    struct channel_record fds;
    struct slice octets = rpc_slice(d->content.inline_);

    request.call_case = GW__REQUEST__CALL_SPOOL_OPEN;
    request.spool_open = &open;
    int rc = edge_call(d->s->listener->edge, d->s->conn, &request, NULL, 0, &response, &fds, err);

    if (rc < 0)
        return rc;
    if (fds.fds_n != 1) {
        channel_record_done(&fds);
        return err_set(err, ERR_INTERNAL, "the mail store gave no spool file");
    }
    d->m->spool->fd = d->fd = fds.fds[0]; /* the spool closes it */
    d->content.inline_ = rpc_bytes((struct slice){NULL, 0});
    d->content.from_spool = true;
    d->content.spool_size = octets.n;
    while (octets.n > 0) {
        ssize_t n = write(d->fd, octets.p, octets.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : EIO, "cannot store the message for now");
        octets = slice_from(octets, (size_t)n);
    }
    return 0;
}

static size_t measure(struct delivery *d)
{
    size_t used = gw__content__get_packed_size(&d->content) +
                  gw__origin__get_packed_size(&d->origin) + gw__wishes__get_packed_size(&d->wishes);

    return used < RECORD_ROOM ? RECORD_ROOM - used : 0;
}

static int prepare(struct delivery *d, struct err *err)
{
    struct smtp_session *s = d->s;
    struct conn_tls_info tls = conn_tls(s->conn);
    int rc = facts_of_message(d->m->arena, d->m->parsed, &d->facts, err);

    if (rc == 0)
        rc = spool_finish(d->m->spool, &d->content, &d->fd, err);
    if (rc < 0)
        return rc;
    d->content.facts = &d->facts;
    d->origin.remote_ip = rpc_bytes(addr_ip_octets(smtp_remote(s)));
    d->origin.ehlo = rpc_bytes(s->peer);
    d->origin.tls_version = tls.on ? tls.version : 1;
    d->origin.tls_cipher = tls.on ? tls.cipher : 0;
    d->origin.received_id = rpc_bytes(smtp_session_id(s));
    smtp_wishes(&s->tx, &d->wishes);
    d->wishes.smtputf8 = d->m->smtputf8; /* what the message needs, not what was said */
    d->wishes.extras = d->m->extras;
    d->wishes.tls_optional = d->m->tls_optional;
    d->room = measure(d);
    if (d->room < ROOM_MIN && d->fd < 0) {
        rc = spill(d, err);
        d->room = measure(d);
    }
    return rc;
}

static int deliver_all(struct delivery *d, struct err *err)
{
    const struct smtp_transaction *tx = &d->s->tx;
    Gw__Recipient *v = ARENA_ARRAY(d->m->arena, tx->recipients_n, Gw__Recipient);
    Gw__Recipient **group = ARENA_ARRAY(d->m->arena, tx->recipients_n, Gw__Recipient *);
    size_t *index = ARENA_ARRAY(d->m->arena, tx->recipients_n, size_t);
    size_t n = 0, used = 0;

    if (v == NULL || group == NULL || index == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < tx->recipients_n; i++) {
        const struct smtp_recipient *r = &tx->recipients[i];

        if (r->unknown)
            continue;
        gw__recipient__init(&v[i]);
        v[i].address = rpc_bytes(r->path.address);
        v[i].prefix = rpc_bytes(smtp_prefix(d->s, d->m, &r->path));
        v[i].notify = r->notify;
        v[i].orcpt = rpc_bytes(r->orcpt);
        if (v[i].prefix.len == 0)
            return err_set(err, ERR_NOMEM, "out of memory");
        size_t size = gw__recipient__get_packed_size(&v[i]) + 8;

        if (n > 0 && used + size > d->room) {
            call(d, group, index, n);
            n = used = 0;
        }
        used += size;
        group[n] = &v[i];
        index[n++] = i;
    }
    if (n > 0)
        call(d, group, index, n);
    return 0;
}

static void log_result(const struct delivery *d, const struct smtp_reply *reply)
{
    const struct smtp_transaction *tx = &d->s->tx;

    log_event(conn_env(d->s->conn)->log, LOG_INFO, "smtp", conn_id(d->s->conn),
              reply->code < 400 ? "delivered" : "refused", LOG_SLICE("from", tx->from.text),
              LOG_SLICE("to", tx->recipients[0].path.text), LOG_NUM("recipients", tx->recipients_n),
              LOG_NUM("size_bytes", d->m->parsed->size), LOG_NUM("code", reply->code),
              LOG_STR("ecode", reply->ecode));
}

static struct smtp_reply combine(struct delivery *d)
{
    const struct smtp_transaction *tx = &d->s->tx;
    struct slice *names = ARENA_ARRAY(d->m->arena, tx->recipients_n, struct slice);

    if (names == NULL)
        return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    for (size_t i = 0; i < tx->recipients_n; i++)
        names[i] = tx->recipients[i].path.text;
    return smtp_reply_combine(d->m->arena, d->outcomes, names, tx->recipients_n);
}

struct smtp_reply smtp_deliver(struct smtp_session *s, struct smtp_message *m)
{
    const struct smtp_transaction *tx = &s->tx;
    struct delivery d = {.s = s,
                         .m = m,
                         .content = GW__CONTENT__INIT,
                         .facts = GW__FACTS__INIT,
                         .origin = GW__ORIGIN__INIT,
                         .wishes = GW__WISHES__INIT,
                         .fd = -1};
    struct err err;
    size_t unknown = 0;
    int rc = 0;

    d.outcomes = ARENA_ARRAY(m->arena, tx->recipients_n, struct smtp_reply);
    if (d.outcomes == NULL)
        return SMTP_REPLY(451, "4.3.0", "out of memory, try again later");
    for (size_t i = 0; i < tx->recipients_n; i++) {
        d.outcomes[i] = SMTP_REPLY(550, "5.1.1", "no such user");
        unknown += tx->recipients[i].unknown ? 1 : 0;
    }
    if (unknown < tx->recipients_n) {
        rc = prepare(&d, &err);
        if (rc == 0)
            rc = deliver_all(&d, &err);
    } else if (!smtp_settings(s)->no_delays) {
        conn_delay(s->conn, SMTP_UNKNOWN_DELAY_S);
    }
    if (rc < 0)
        smtp_log_failure(s, "prepare message", &err);
    struct smtp_reply reply = rc < 0 ? smtp_reply_of_err(&err) : combine(&d);

    log_result(&d, &reply);
    return reply;
}
