/* LoginAttemptList: pages of attempts, the latest first. */
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

#define ROWS_MAX 500u

/* The columns that both queries read. */
#define COLUMNS                                                                                    \
    "l.digest, l.address, l.protocol, l.mechanism, l.result, l.remote_ip, l.local_ip, l.tls, "     \
    "l.fingerprint, l.count, l.first_ns, l.last_ns, COALESCE(a.name, '-')"
#define FROM " FROM login_attempt l LEFT JOIN account a ON a.account_id = l.account_id WHERE "
#define PAGE "(l.last_ns, l.digest) < (?1, ?2) ORDER BY l.last_ns DESC, l.digest DESC LIMIT ?3"

static ProtobufCBinaryData copy(struct call *c, struct db_row *r, int column)
{
    return rpc_bytes(arena_copy(&c->out, db_blob(r, column)));
}

static Gw__LoginAttempt *read_row(struct call *c, struct db_row *r)
{
    Gw__LoginAttempt *row = call_message(c, &gw__login_attempt__descriptor);
    Gw__LoginOrigin *origin = call_message(c, &gw__login_origin__descriptor);

    if (!row || !origin)
        return NULL;
    row->digest = copy(c, r, 0);
    row->address = copy(c, r, 1);
    origin->protocol = copy(c, r, 2);
    row->mechanism = copy(c, r, 3);
    row->result = copy(c, r, 4);
    origin->remote_ip = copy(c, r, 5);
    origin->local_ip = copy(c, r, 6);
    origin->tls = copy(c, r, 7);
    origin->fingerprint = copy(c, r, 8);
    row->count = (uint64_t)db_int(r, 9);
    row->first_ns = db_int(r, 10);
    row->last_ns = db_int(r, 11);
    row->account = copy(c, r, 12);
    row->origin = origin;
    return row;
}

static int read_rows(struct call *c, struct db_row *r, size_t max, Gw__LoginAttempts *answer,
                     struct err *err)
{
    size_t used = 0;
    int rc;

    while ((rc = db_step(r, err)) == 1) {
        Gw__LoginAttempt *row = read_row(c, r);

        if (!row)
            return call_no_memory(err);
        answer->more = answer->n_rows == max || !call_page_fits(&used, &row->base);
        if (answer->more)
            return 0;
        answer->rows[answer->n_rows++] = row;
    }
    return rc;
}

int call_login_attempt_list(struct call *c, struct err *err)
{
    const Gw__LoginAttemptList *request = c->request->login_attempt_list;
    struct db *db = shard_reader(c->store->directory, c->from.thread);
    size_t max = request->max > 0 && request->max < ROWS_MAX ? request->max : ROWS_MAX;
    Gw__LoginAttempts *answer = call_message(c, &gw__login_attempts__descriptor);
    bool own = c->from.role == STORE_WEB; /* the session's account, and no other */
    bool all = !own && request->account.len == 0;
    struct directory_account account = {0};
    struct db_row r;
    int rc = 0;

    if (answer)
        answer->rows = ARENA_ARRAY(&c->out, max, Gw__LoginAttempt *);
    if (!answer || !answer->rows)
        return call_no_memory(err);
    if (own) {
        account.account_id = c->session.account_id;
    } else if (!all && !slice_eq(rpc_slice(request->account), SLICE("-"))) {
        rc = directory_account(db, &c->in, rpc_slice(request->account), &account, err);
        if (rc == 0)
            return err_set(err, ERR_NOT_FOUND, "there is no account of that name");
    }
    if (rc >= 0)
        rc = all ? db_query(db, "SELECT " COLUMNS FROM PAGE, &r, err)
                 : db_query(db, "SELECT " COLUMNS FROM "l.account_id = ?4 AND " PAGE, &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, request->before_ns != 0 ? request->before_ns : INT64_MAX);
    db_bind_blob(&r, 2, rpc_slice(request->before_digest));
    db_bind_int(&r, 3, (int64_t)max + 1);
    if (!all)
        db_bind_int(&r, 4, account.account_id);
    rc = read_rows(c, &r, max, answer, err);
    db_done(&r);
    c->response.result_case = GW__RESPONSE__RESULT_LOGIN_ATTEMPTS;
    c->response.login_attempts = answer;
    return rc < 0 ? rc : 0;
}
