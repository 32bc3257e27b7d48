/* DomainSet and AddressSet. */
#include "store/directory_set.h"

#include "base/ascii.h"
#include "base/builder.h"
#include "rpc/call.h"
#include "store/mailbox_name.h"
#include "store/store_private.h"

#define TEXT_MAX 256
#define SEPARATORS_MAX 8
#define SEPARATOR_BYTES_MAX 8

int directory_answer(struct call *c, bool unchanged, struct err *err)
{
    int rc = call_answer_done(c, err);

    if (rc == 0)
        c->response.done->unchanged = unchanged;
    return rc;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!ascii_is_graph(text.p[i]) && text.p[i] != ' ')
            return false;
    }
    return true;
}

int directory_text_check(struct slice text, const char *what, struct err *err)
{
    if (slice_trim(text).n == 0 || text.n > TEXT_MAX || !is_printable(text))
        return err_set(err, ERR_INVALID, "%s has 1 to %d printable ASCII characters", what,
                       TEXT_MAX);
    return 0;
}

/* ---- domains ---- */

/* One per line, as the table has them. */
static int join_separators(struct call *c, const Gw__DomainSet *request, struct slice *out,
                           struct err *err)
{
    struct slice text = SLICE("");

    if (request->n_separators > SEPARATORS_MAX)
        return err_set(err, ERR_LIMIT, "a domain can have %d separators", SEPARATORS_MAX);
    for (size_t i = 0; i < request->n_separators; i++) {
        struct slice s = rpc_slice(request->separators[i]);

        if (s.n == 0 || s.n > SEPARATOR_BYTES_MAX || !is_printable(s) ||
            slice_find_byte(s, ' ') != SIZE_MAX)
            return err_set(err, ERR_INVALID,
                           "a separator has 1 to %d printable ASCII characters, such as + or --",
                           SEPARATOR_BYTES_MAX);
        for (size_t k = 0; k < i; k++) {
            if (slice_eq(s, rpc_slice(request->separators[k])))
                return err_set(err, ERR_INVALID, "the separator %.*s is named twice", SLICE_FMT(s));
        }
        text =
            arena_printf(&c->out, "%.*s%s%.*s", SLICE_FMT(text), i > 0 ? "\n" : "", SLICE_FMT(s));
    }
    *out = text;
    return arena_failed(&c->out) ? call_no_memory(err) : 0;
}

/* Whether mail for this address would still find it. */
static int check_reachable(struct call *c, const struct directory_domain *domain,
                           struct slice localpart, bool report, struct err *err)
{
    const struct address address = {.localpart = localpart, .domain = domain->domain};
    struct slice folded;
    int rc = directory_localpart_fold(&c->out, domain, localpart, &folded, err);

    if (rc < 0)
        return rc;
    if (!report && address_has_separator(localpart, domain->separators))
        return err_set(err, ERR_INVALID, "mail for %.*s could not be delivered: it has a separator",
                       SLICE_FMT(address_text(&c->out, &address)));
    if (!slice_eq(folded, localpart))
        return err_set(err, ERR_INVALID,
                       "mail for %.*s could not be delivered: it has upper-case letters",
                       SLICE_FMT(address_text(&c->out, &address)));
    return 0;
}

static int check_addresses(struct call *c, struct db *db, const struct directory_domain *domain,
                           struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT localpart, 0 FROM address WHERE domain = ?1 UNION ALL "
                      "SELECT localpart, 0 FROM alias WHERE domain = ?1 UNION ALL "
                      "SELECT localpart, 1 FROM role_address WHERE domain = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain->domain);
    while ((rc = db_step(&r, err)) == 1) {
        rc = check_reachable(c, domain, db_blob(&r, 0), db_int(&r, 1) != 0, err);
        if (rc < 0)
            break;
    }
    db_done(&r);
    return rc;
}

static int domain_write(struct db *db, const struct directory_domain *domain, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "UPDATE domain SET localpart_separators = ?2, localpart_case_sensitive = ?3 "
                      "WHERE domain = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain->domain);
    db_bind_text(&r, 2, domain->separators);
    db_bind_int(&r, 3, domain->case_sensitive);
    return db_run(&r, err);
}

static int set_rules(struct call *c, struct db *db, struct directory_domain *domain,
                     bool *changed_out, struct err *err)
{
    const Gw__DomainSet *request = c->request->domain_set;
    const struct directory_domain before = *domain;
    int rc = 0;

    if (request->has_separators)
        rc = join_separators(c, request, &domain->separators, err);
    if (request->case_sensitive != GW__ALIAS_EDIT__SETTING__SETTING_KEEP)
        domain->case_sensitive = request->case_sensitive == GW__ALIAS_EDIT__SETTING__SETTING_ON;
    if (rc < 0 || (slice_eq(before.separators, domain->separators) &&
                   before.case_sensitive == domain->case_sensitive))
        return rc;
    *changed_out = true;
    rc = check_addresses(c, db, domain, err);
    return rc == 0 ? domain_write(db, domain, err) : rc;
}

static int domain_set_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__DomainSet *request = c->request->domain_set;
    struct directory_domain domain;
    struct slice name;
    bool changed = false;
    int rc = address_domain(&c->out, rpc_slice(request->domain), &name, err);

    if (rc == 0)
        rc = directory_domain(ctx->db, &c->out, name, &domain, err);
    else
        return rc;
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no domain %.*s", SLICE_FMT(name));
    if (rc == 1)
        rc = set_rules(c, ctx->db, &domain, &changed, err);
    if (rc == 0)
        rc = directory_role_set(c, ctx, DIRECTORY_ROLE_DMARC, name, request->dmarc_reports,
                                &changed, err);
    if (rc == 0)
        rc = directory_role_set(c, ctx, DIRECTORY_ROLE_TLS, name, request->tls_reports, &changed,
                                err);
    return rc < 0 ? rc : directory_answer(c, !changed, err);
}

int call_domain_set(struct call *c, struct err *err)
{
    (void)err;
    return call_write(c, c->store->directory, domain_set_apply);
}

/* ---- addresses ---- */

/* "550 text" or "421 text": what the text says, and whether to try again. */
static int check_refusal(struct slice text, struct err *err)
{
    if (text.n == 0)
        return 0;
    if (!slice_starts(text, SLICE("550 ")) && !slice_starts(text, SLICE("421 ")))
        return err_set(err, ERR_INVALID,
                       "a refusal begins with 550 (for good) or 421 (for now), and a space");
    return directory_text_check(slice_from(text, 4), "the text of a refusal", err);
}

static int check_address_set(struct call *c, struct slice *mailbox_out, struct err *err)
{
    const Gw__AddressSet *request = c->request->address_set;
    struct slice mailbox = rpc_slice(request->mailbox);
    int rc = check_refusal(rpc_slice(request->refusal), err);

    if (rc == 0 && request->auth_refusal.len > 0)
        rc = directory_text_check(rpc_slice(request->auth_refusal), "the text of a refusal", err);
    if (rc == 0 && mailbox.n > 0)
        rc = mailbox_name_check(&c->out, mailbox, &mailbox, err);
    if (rc == 0)
        *mailbox_out = mailbox;
    return rc;
}

/* What is not bound is NULL, and stays as it is. */
static int address_write(struct db *db, const struct address *address, const Gw__AddressSet *set,
                         struct slice mailbox, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "UPDATE address SET mailbox = coalesce(?4, mailbox), refusal = coalesce(?5, "
                      "refusal), auth_refusal = coalesce(?6, auth_refusal) WHERE domain = ?1 AND "
                      "localpart = ?2 AND catchall = ?3 AND (mailbox, refusal, auth_refusal) <> "
                      "(coalesce(?4, mailbox), coalesce(?5, refusal), coalesce(?6, auth_refusal))",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    db_bind_int(&r, 3, address->catchall);
    if (set->has_mailbox)
        db_bind_text(&r, 4, mailbox);
    if (set->has_refusal)
        db_bind_text(&r, 5, rpc_slice(set->refusal));
    if (set->has_auth_refusal)
        db_bind_text(&r, 6, rpc_slice(set->auth_refusal));
    return db_run(&r, err);
}

static int address_set_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__AddressSet *request = c->request->address_set;
    struct slice mailbox = SLICE("");
    struct address address;
    int rc = directory_own_address(ctx->db, &c->out, rpc_slice(request->address),
                                   /* catchall= */ true, &address, err);

    if (rc == 0)
        rc = check_address_set(c, &mailbox, err);
    if (rc == 0)
        rc = directory_address_exists(ctx->db, &address, err);
    else
        return rc;
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "%.*s is not an address of an account",
                       SLICE_FMT(address_text(&c->out, &address)));
    if (rc == 1)
        rc = address_write(ctx->db, &address, request, mailbox, err);
    return rc < 0 ? rc : directory_answer(c, db_changes(ctx->db) == 0, err);
}

int call_address_set(struct call *c, struct err *err)
{
    (void)err;
    return call_write(c, c->store->directory, address_set_apply);
}
