/* Who gets a message: from the recipients of a Deliver call to the mailboxes that they lead to. */
#include "store/deliver_plan.h"

#include "rpc/call.h"
#include "store/directory.h"
#include "store/store_private.h"

#define TARGETS_MAX 4096u
#define WANTED_FIRST 4u

void deliver_refuse(struct deliver_plan *p, size_t recipient, enum err_kind kind, const char *text)
{
    p->outcomes[recipient].kind = kind;
    p->outcomes[recipient].text = rpc_bytes(slice_str(text));
}

/* Most messages have one recipient. What is outgrown stays in the arena. */
static int make_room(struct call *c, struct deliver_plan *p, struct err *err)
{
    if (p->wanted_n < p->wanted_cap)
        return 0;
    if (p->wanted_cap >= TARGETS_MAX)
        return err_set(err, ERR_LIMIT, "too many recipients at once");
    size_t cap = p->wanted_cap ? p->wanted_cap * 2 : WANTED_FIRST;
    struct deliver_wanted *wanted = ARENA_ARRAY(&c->in, cap, struct deliver_wanted);

    if (!wanted)
        return call_no_memory(err);
    if (p->wanted_n > 0)
        memcpy(wanted, p->wanted, p->wanted_n * sizeof(*wanted));
    p->wanted = wanted;
    p->wanted_cap = cap;
    return 0;
}

static int want(struct call *c, struct deliver_plan *p, size_t i,
                const struct directory_target *target, struct err *err)
{
    const Gw__Recipient *recipient = c->request->deliver->recipients[i];
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct directory_account account;
    int rc = directory_account_by_id(db, &c->in, target->account_id, &account, err);

    if (rc < 0)
        return rc;
    if (rc == 0 || account.shard >= c->store->shards_n) {
        deliver_refuse(p, i, ERR_UNAVAILABLE, "the account cannot be reached");
        return 0;
    }
    rc = make_room(c, p, err);
    if (rc < 0)
        return rc;
    p->wanted[p->wanted_n++] = (struct deliver_wanted){
        .recipient = i,
        .shard = account.shard,
        .target = {.account_id = account.account_id,
                   .mailbox = target->mailbox,
                   .address = rpc_slice(recipient->address),
                   .destination = target->canonical,
                   .delivered_to = address_text(&c->in, &target->given),
                   .prefix = rpc_slice(recipient->prefix),
                   .notify = recipient->notify,
                   .orcpt = rpc_slice(recipient->orcpt)},
    };
    return 0;
}

static bool is_same(const struct directory_target *a, const struct directory_target *b)
{
    return a->canonical.n > 0 && slice_eq(a->canonical, b->canonical);
}

/* Whether the message's From may post: a member may, the alias itself and strangers as it says. */
static bool may_post(const struct directory_alias *alias, const struct directory_target *self,
                     const struct directory_target *from)
{
    for (size_t i = 0; i < alias->members_n; i++) {
        if (slice_eq(from->localpart, alias->members[i].localpart) &&
            slice_eq(from->domain, alias->members[i].domain))
            return true;
    }
    return is_same(from, self) ? alias->allow_msg_from : alias->post_public;
}

/* Who is left when the author is not told its own message: perhaps nobody, which is success. */
static int want_member(struct call *c, struct deliver_plan *p, size_t i,
                       const struct address *member, const struct directory_target *from,
                       struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    struct slice address =
        arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(member->localpart), SLICE_FMT(member->domain));
    struct directory_target target;
    int rc = directory_resolve(db, &c->in, address, slice_str(c->store->hostname), DIRECTORY_RCPT,
                               &target, err);

    if (rc < 0 || is_same(&target, from))
        return rc;
    if (target.where == DIRECTORY_LOCAL)
        return want(c, p, i, &target, err);
    deliver_refuse(p, i, ERR_UNAVAILABLE, "a member does not accept mail now");
    return 0;
}

static int want_members(struct call *c, struct deliver_plan *p, size_t i,
                        const struct directory_target *self, struct err *err)
{
    const Gw__Facts *facts = c->request->deliver->content->facts;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    const struct address name = {self->localpart, self->domain, false};
    struct directory_target from;
    struct directory_alias alias;
    struct slice address =
        arena_printf(&c->in, "%.*s@%.*s", SLICE_FMT(rpc_slice(facts->from_localpart)),
                     SLICE_FMT(rpc_slice(facts->from_domain)));
    int rc = directory_resolve(db, &c->in, address, slice_str(c->store->hostname), DIRECTORY_RCPT,
                               &from, err);

    if (rc == 0)
        rc = directory_alias(db, &c->in, &name, &alias, err);
    if (rc < 0)
        return rc;
    if (!may_post(&alias, self, &from)) {
        deliver_refuse(p, i, ERR_DENIED, "you may not post to this address");
        return 0;
    }
    for (size_t k = 0; rc == 0 && k < alias.members_n; k++)
        rc = want_member(c, p, i, &alias.members[k], &from, err);
    return rc;
}

static int resolve_one(struct call *c, struct deliver_plan *p, size_t i,
                       struct directory_target *target, struct err *err)
{
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    int rc = directory_resolve(db, &c->in, rpc_slice(c->request->deliver->recipients[i]->address),
                               slice_str(c->store->hostname), DIRECTORY_RCPT, target, err);

    if (rc < 0)
        return rc;
    switch (target->where) {
    case DIRECTORY_LOCAL:
        return want(c, p, i, target, err);
    case DIRECTORY_ALIAS:
        return 0;
    case DIRECTORY_DISABLED:
        deliver_refuse(p, i, ERR_UNAVAILABLE, "the domain does not accept mail now");
        return 0;
    case DIRECTORY_UNKNOWN:
    case DIRECTORY_REMOTE:
        break;
    }
    deliver_refuse(p, i, ERR_NOT_FOUND, "there is no such address");
    return 0;
}

/* Accounts first: a member of an alias who is also named gets the message as the one named. */
int deliver_plan_make(struct call *c, struct deliver_plan *p, struct err *err)
{
    size_t n = c->request->deliver->n_recipients;
    struct directory_target *targets = ARENA_ARRAY(&c->in, n, struct directory_target);
    int rc = 0;

    p->outcomes = ARENA_ARRAY(&c->in, n, Gw__Outcome);
    p->sent = ARENA_ARRAY(&c->in, n, struct slice);
    if (!targets || !p->outcomes || !p->sent)
        return call_no_memory(err);
    for (size_t i = 0; i < n; i++)
        gw__outcome__init(&p->outcomes[i]);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = resolve_one(c, p, i, &targets[i], err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (targets[i].where == DIRECTORY_ALIAS)
            rc = want_members(c, p, i, &targets[i], err);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (targets[i].where == DIRECTORY_ALIAS || targets[i].where == DIRECTORY_LOCAL)
            p->sent[p->sent_n++] = targets[i].canonical;
    }
    return rc == 0 && arena_failed(&c->in) ? call_no_memory(err) : rc;
}
