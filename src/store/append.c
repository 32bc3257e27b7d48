/* Append: one or more messages into one mailbox, all or none, under one mod-sequence. */
#include <stdlib.h>

#include "base/num.h"
#include "rpc/call.h"
#include "store/body.h"
#include "store/content.h"
#include "store/keywords.h"
#include "store/mailbox.h"
#include "store/mailbox_name.h"
#include "store/message_add.h"
#include "store/request.h"
#include "store/uidset.h"

#define MESSAGES_MAX 1000u

struct item {
    struct body_packed body;
    uint8_t *search;
    size_t search_n;
    struct slice keywords;
};

struct state {
    struct slice mailbox;
    struct item *items;
    size_t n; /* items whose body is packed */
};

static void state_done(void *state)
{
    struct state *s = state;

    for (size_t i = 0; i < s->n; i++) {
        body_packed_done(&s->items[i].body);
        free(s->items[i].search);
    }
}

static int add_one(struct call *c, struct write_ctx *ctx, const struct mailbox *m, size_t i,
                   uint64_t modseq, struct message_added *added, struct err *err)
{
    const Gw__AppendMessage *request = c->request->append->messages[i];
    const struct item *item = &((const struct state *)c->state)->items[i];
    struct message_new new = {
        .account_id = m->account_id,
        .mailbox_id = m->id,
        .flags = request->flags,
        .keywords = item->keywords,
        .received_ns = request->received_ns != 0 ? request->received_ns : ctx->now_ns,
        .zone_minutes = request->zone_minutes,
        .facts = request->content->facts,
        .body_size = item->body.size,
        .search_packed = slice_of(item->search, item->search_n),
    };
    int rc = body_insert(ctx, &item->body, &new.body_id, err);

    return rc == 0 ? message_add(ctx, &new, modseq, added, err) : rc;
}

static int answer(struct call *c, const struct mailbox *m, uint32_t first, uint32_t last,
                  uint64_t modseq, struct err *err)
{
    Gw__Appended *appended = call_message(c, &gw__appended__descriptor);

    if (!appended)
        return call_no_memory(err);
    appended->uidvalidity = m->uidvalidity;
    appended->uid_first = first;
    appended->uid_last = last;
    appended->mailbox = (uint64_t)m->id;
    appended->modseq = modseq;
    c->event_modseq = modseq;
    c->response.result_case = GW__RESPONSE__RESULT_APPENDED;
    c->response.appended = appended;
    return 0;
}

static int append_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const struct state *s = c->state;
    struct message_added added;
    struct mailbox m;
    struct slice uids, none = SLICE("");
    struct range range = {0, 0};
    bool keywords_added = false;
    uint64_t modseq;
    int rc = mailbox_need_name(ctx->db, &c->out, c->session.account_id, s->mailbox, &m, err);

    if (rc == 0)
        rc = account_modseq_next(ctx, c->session.account_id, &modseq, err);
    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        rc = add_one(c, ctx, &m, i, modseq, &added, err);
        if (rc == 0 && i == 0)
            range.first = added.uid;
        if (rc == 0) {
            range.last = added.uid;
            keywords_added |= added.keywords_added;
        }
    }
    if (rc == 0)
        rc = uidset_to_blob(&c->out, &(struct ranges){.v = &range, .n = 1}, &uids, err);
    if (rc == 0)
        rc = change_append(ctx, c->session.account_id, modseq, GW__CHANGE__KIND__KIND_ADD, m.id,
                           uids, none, none, err);
    if (rc == 0 && keywords_added)
        rc = change_append(ctx, c->session.account_id, modseq, GW__CHANGE__KIND__KIND_KEYWORDS,
                           m.id, none, none, none, err);
    return rc < 0 ? rc : answer(c, &m, range.first, range.last, modseq, err);
}

int call_append(struct call *c, struct err *err)
{
    const Gw__Append *request = c->request->append;
    struct state *s = ARENA_NEW(&c->in, struct state);
    size_t fds_used = 0;

    if (request->n_messages == 0 || request->n_messages > MESSAGES_MAX)
        return err_set(err, ERR_INVALID, "1 to %u messages can be added at once", MESSAGES_MAX);
    if (s)
        s->items = ARENA_ARRAY(&c->in, request->n_messages, struct item);
    if (!s || !s->items)
        return call_no_memory(err);
    c->state = s;
    c->state_done = state_done;
    int rc = mailbox_name_check(&c->in, rpc_slice(request->mailbox), &s->mailbox, err);

    for (size_t i = 0; rc == 0 && i < request->n_messages; i++) {
        const Gw__AppendMessage *message = request->messages[i];
        struct item *item = &s->items[i];

        if (message->flags & ~(uint32_t)MESSAGE_FLAGS)
            return err_set(err, ERR_INVALID, "there is no such flag");
        rc = keywords_from_request(&c->in, message->keywords, message->n_keywords, &item->keywords,
                                   err);
        if (rc == 0)
            rc = content_pack(c, message->content, &fds_used, &item->body, err);
        if (rc < 0)
            return rc;
        s->n++;
        rc = search_text_pack(message->content->facts, &item->search, &item->search_n, err);
    }
    return rc < 0 ? rc : call_write(c, call_shard(c), append_apply);
}
