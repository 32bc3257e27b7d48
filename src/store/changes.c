/* ChangesRead: the change log in pages. A page ends between two mod-sequences, so that "all up to
 * this one" is true; writers keep the rows of one mod-sequence within a page. */
#include "rpc/call.h"
#include "store/request.h"
#include "store/uidset.h"

#define ROWS_MAX 2000u

static int fill_change(struct call *c, struct db_row *r, Gw__Change *row, struct err *err)
{
    row->modseq = (uint64_t)db_int(r, 0);
    row->kind = (Gw__Change__Kind)db_int(r, 1);
    row->mailbox = (uint64_t)db_int(r, 2);
    row->name = rpc_bytes(arena_copy(&c->out, db_blob(r, 4)));
    row->old_name = rpc_bytes(arena_copy(&c->out, db_blob(r, 5)));
    return uidset_blob_to_pairs(&c->out, db_blob(r, 3), &row->ranges, &row->n_ranges, err);
}

/* Takes back the rows of a mod-sequence that did not fit as a whole. */
static int cut_page(Gw__Changes *page, uint64_t modseq, struct err *err)
{
    while (page->n_rows > 0 && page->rows[page->n_rows - 1]->modseq == modseq)
        page->n_rows--;
    if (page->n_rows == 0)
        return err_set(err, ERR_LIMIT, "a change is too large to be told");
    page->modseq = page->rows[page->n_rows - 1]->modseq;
    page->more = true;
    return 0;
}

static int read_page(struct call *c, struct db_row *r, Gw__Changes *page, struct err *err)
{
    size_t used = 0;
    int rc;

    while ((rc = db_step(r, err)) == 1) {
        Gw__Change *row = call_message(c, &gw__change__descriptor);

        if (!row)
            return call_no_memory(err);
        rc = fill_change(c, r, row, err);
        if (rc < 0)
            return rc;
        if (page->n_rows == ROWS_MAX || !call_page_fits(&used, &row->base))
            return cut_page(page, row->modseq, err);
        page->rows[page->n_rows++] = row;
    }
    return rc;
}

/* The account's own number, read first: rows that come later are news for the next time. */
static int account_modseq(struct call *c, uint64_t *modseq, int64_t *pruned, struct err *err)
{
    struct db_row r;
    int rc = db_query(call_reader(c),
                      "SELECT modseq, pruned_modseq FROM account WHERE account_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    rc = db_step(&r, err);
    if (rc == 1) {
        *modseq = (uint64_t)db_int(&r, 0);
        *pruned = db_int(&r, 1);
    }
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the account is gone");
    return rc < 0 ? rc : 0;
}

int call_changes_read(struct call *c, struct err *err)
{
    uint64_t since = c->request->changes_read->since;
    Gw__Changes *page = call_message(c, &gw__changes__descriptor);
    struct db_row r;
    int64_t pruned = 0;

    if (!page)
        return call_no_memory(err);
    page->rows = ARENA_ARRAY(&c->out, ROWS_MAX, Gw__Change *);
    if (!page->rows)
        return call_no_memory(err);
    int rc = account_modseq(c, &page->modseq, &pruned, err);

    if (rc == 0 && since > page->modseq)
        rc = err_set(err, ERR_INVALID, "that mod-sequence was never given");
    if (rc == 0 && since < (uint64_t)pruned)
        rc = err_set(err, ERR_NOT_FOUND, "the history does not go back that far");
    if (rc == 0)
        rc = db_query(call_reader(c),
                      "SELECT modseq, kind, mailbox_id, uids, name, old_name FROM change WHERE "
                      "account_id = ?1 AND modseq > ?2 AND modseq <= ?3 ORDER BY modseq, n",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, c->session.account_id);
    db_bind_int(&r, 2, (int64_t)since);
    db_bind_int(&r, 3, (int64_t)page->modseq);
    rc = read_page(c, &r, page, err);
    db_done(&r);
    c->response.result_case = GW__RESPONSE__RESULT_CHANGES;
    c->response.changes = page;
    return rc;
}
