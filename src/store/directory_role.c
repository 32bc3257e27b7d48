/* Addresses with a purpose: the postmaster of the installation, and where reports go. */
#include "store/directory_set.h"

#include "base/ascii.h"
#include "rpc/call.h"
#include "store/mailbox_name.h"

static const struct {
    struct slice name; /* in the database */
    const char *command;
} roles[] = {
    [DIRECTORY_ROLE_POSTMASTER] = {SLICE_INIT("postmaster"),
                                   "config installation set --postmaster"},
    [DIRECTORY_ROLE_HOST_TLS] = {SLICE_INIT("host-tls"), "config installation set --tls-reports"},
    [DIRECTORY_ROLE_DMARC] = {SLICE_INIT("dmarc"), "config domain set --dmarc-reports"},
    [DIRECTORY_ROLE_TLS] = {SLICE_INIT("tls"), "config domain set --tls-reports"},
};

/* Others mail reports to it, from all kinds of software: no place for anything unusual. */
static int check_report_localpart(struct slice localpart, struct err *err)
{
    for (size_t i = 0; i < localpart.n; i++) {
        if (!ascii_is_graph(localpart.p[i]))
            return err_set(err, ERR_INVALID, "an address for reports has only ASCII characters");
    }
    if (localpart.n == 0 || slice_eq(localpart, SLICE("postmaster")))
        return err_set(err, ERR_INVALID, "this cannot be an address for reports");
    return 0;
}

/* One address has one destination. fails: ERR_EXISTS when it is an alias, or other reports that go
 * there are for another account or mailbox. */
static int check_others(struct db *db, enum directory_role role, struct slice about,
                        const struct address *address, int64_t account_id, struct slice mailbox,
                        struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT 1 FROM alias WHERE domain = ?1 AND localpart = ?2 UNION ALL "
                      "SELECT 1 FROM role_address WHERE domain = ?1 AND localpart = ?2 AND "
                      "(account_id, mailbox) <> (?3, ?4) AND (role, about) <> (?5, ?6)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    db_bind_int(&r, 3, account_id);
    db_bind_text(&r, 4, mailbox);
    db_bind_text(&r, 5, roles[role].name);
    db_bind_text(&r, 6, about);
    rc = db_step(&r, err);
    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_EXISTS,
                       "that address is an alias, or gets reports for another account or mailbox");
    return rc;
}

/* An address for reports about a domain: of a domain of ours; separators may be in it. */
static int domain_address(struct db *db, struct arena *a, struct slice text, struct address *out,
                          struct err *err)
{
    struct directory_domain domain;
    int rc = address_parse_typed(a, text, out, err);

    if (rc == 0)
        rc = check_report_localpart(out->localpart, err);
    if (rc == 0)
        rc = directory_domain(db, a, out->domain, &domain, err);
    else
        return rc;
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the domain %.*s is not configured; add it first",
                       SLICE_FMT(out->domain));
    return rc < 0 ? rc : directory_localpart_fold(a, &domain, out->localpart, &out->localpart, err);
}

static int role_address(struct call *c, struct db *db, enum directory_role role, struct slice text,
                        struct address *out, struct err *err)
{
    *out = (struct address){.localpart = SLICE("postmaster"), .domain = SLICE("")};
    if (role == DIRECTORY_ROLE_POSTMASTER)
        return 0;
    if (role != DIRECTORY_ROLE_HOST_TLS)
        return domain_address(db, &c->out, text, out, err);
    uint8_t *lower = arena_alloc(&c->out, text.n + 1);

    if (!lower)
        return call_no_memory(err);
    if (text.n > ADDRESS_LOCALPART_MAX || slice_find_byte(text, '@') != SIZE_MAX)
        return err_set(err, ERR_INVALID, "this is the part before the \"@\" of the host name only");
    for (size_t i = 0; i < text.n; i++)
        lower[i] = (uint8_t)ascii_lower(text.p[i]);
    out->localpart = slice_of(lower, text.n);
    return check_report_localpart(out->localpart, err);
}

static int role_clear(struct db *db, enum directory_role role, struct slice about,
                      bool *changed_out, struct err *err)
{
    const struct slice texts[] = {roles[role].name, about};
    int rc =
        directory_run(db, "DELETE FROM role_address WHERE role = ?1 AND about = ?2", texts, 2, err);

    *changed_out |= rc == 0 && db_changes(db) > 0;
    return rc;
}

static int role_write(struct db *db, enum directory_role role, struct slice about,
                      const struct address *address, int64_t account_id, struct slice mailbox,
                      struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "INSERT INTO role_address AS r (role, about, domain, localpart, account_id, "
                      "mailbox) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (role, about) DO "
                      "UPDATE SET domain = ?3, localpart = ?4, account_id = ?5, mailbox = ?6 WHERE "
                      "(r.domain, r.localpart, r.account_id, r.mailbox) <> (?3, ?4, ?5, ?6)",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, roles[role].name);
    db_bind_text(&r, 2, about);
    db_bind_text(&r, 3, address->domain);
    db_bind_text(&r, 4, address->localpart);
    db_bind_int(&r, 5, account_id);
    db_bind_text(&r, 6, mailbox);
    return db_run(&r, err);
}

int directory_role_set(struct call *c, struct write_ctx *ctx, enum directory_role role,
                       struct slice about, const Gw__RoleAddress *set, bool *changed_out,
                       struct err *err)
{
    struct directory_account account;
    struct address address;
    struct slice mailbox = set ? rpc_slice(set->mailbox) : SLICE("");

    if (!set)
        return 0;
    if (set->account.len == 0)
        return role_clear(ctx->db, role, about, changed_out, err);
    int rc = directory_need_account(ctx->db, &c->out, rpc_slice(set->account), &account, err);

    if (rc == 0 && mailbox.n > 0)
        rc = mailbox_name_check(&c->out, mailbox, &mailbox, err);
    if (rc == 0)
        rc = role_address(c, ctx->db, role, rpc_slice(set->address), &address, err);
    if (rc == 0 && address.domain.n > 0)
        rc = check_others(ctx->db, role, about, &address, account.account_id, mailbox, err);
    if (rc == 0)
        rc = role_write(ctx->db, role, about, &address, account.account_id, mailbox, err);
    *changed_out |= rc == 0 && db_changes(ctx->db) > 0;
    return rc;
}

int directory_role_get(struct call *c, struct db *db, enum directory_role role, struct slice about,
                       Gw__RoleAddress **out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT r.localpart, r.domain, a.name, r.mailbox FROM role_address r JOIN "
                      "account a ON a.account_id = r.account_id WHERE r.role = ?1 AND r.about = ?2",
                      &r, err);

    *out = NULL;
    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, roles[role].name);
    db_bind_text(&r, 2, about);
    rc = db_step(&r, err);
    if (rc == 1 && (*out = call_message(c, &gw__role_address__descriptor)) != NULL) {
        const struct address address = {.localpart = db_blob(&r, 0), .domain = db_blob(&r, 1)};

        if (role == DIRECTORY_ROLE_HOST_TLS)
            (*out)->address = rpc_bytes(arena_copy(&c->out, address.localpart));
        else if (role != DIRECTORY_ROLE_POSTMASTER)
            (*out)->address = rpc_bytes(address_text(&c->out, &address));
        (*out)->account = rpc_bytes(arena_copy(&c->out, db_blob(&r, 2)));
        (*out)->mailbox = rpc_bytes(arena_copy(&c->out, db_blob(&r, 3)));
    }
    db_done(&r);
    if (rc == 1 && !*out)
        return call_no_memory(err);
    return rc < 0 ? rc : 0;
}

int directory_roles_free(struct db *db, struct arena *a, int64_t account_id, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(db, "SELECT role, about FROM role_address WHERE account_id = ?1 LIMIT 1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    rc = db_step(&r, err);
    struct slice role = rc == 1 ? arena_copy(a, db_blob(&r, 0)) : SLICE("");
    struct slice about = rc == 1 ? arena_copy(a, db_blob(&r, 1)) : SLICE("");

    db_done(&r);
    for (size_t i = 0; rc == 1 && i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (slice_eq(role, roles[i].name))
            return err_set(err, ERR_INVALID, "first give its task to another account: %s%s%.*s",
                           roles[i].command, about.n > 0 ? " for " : "", SLICE_FMT(about));
    }
    return rc < 0 ? rc : 0;
}
