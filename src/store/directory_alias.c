/* Administration of aliases: AliasEdit. One write each, so that a refused member changes nothing.
 */
#include "rpc/call.h"
#include "store/directory.h"
#include "store/request.h"
#include "store/store_private.h"

static int alias_insert(struct db *db, struct arena *a, const struct address *alias,
                        struct err *err)
{
    const struct slice texts[] = {alias->domain, alias->localpart};
    int rc = directory_free(db, a, alias, err);

    if (rc < 0)
        return rc;
    return directory_run(db,
                         "INSERT INTO alias (domain, localpart, post_public, list_members, "
                         "allow_msg_from) VALUES (?1, ?2, 1, 0, 0)",
                         texts, 2, err);
}

/* What is not bound is NULL, and stays as it is. */
static void bind_setting(struct db_row *r, int index, Gw__AliasEdit__Setting setting)
{
    if (setting != GW__ALIAS_EDIT__SETTING__SETTING_KEEP)
        db_bind_int(r, index, setting == GW__ALIAS_EDIT__SETTING__SETTING_ON);
}

/* Also says when there is no such alias. */
static int settings_write(struct db *db, const struct address *alias, const Gw__AliasEdit *request,
                          struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "UPDATE alias SET post_public = coalesce(?3, post_public), list_members = "
                      "coalesce(?4, list_members), allow_msg_from = coalesce(?5, allow_msg_from) "
                      "WHERE domain = ?1 AND localpart = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, alias->domain);
    db_bind_text(&r, 2, alias->localpart);
    bind_setting(&r, 3, request->post_public);
    bind_setting(&r, 4, request->list_members);
    bind_setting(&r, 5, request->allow_msg_from);
    rc = db_run(&r, err);
    if (rc == 0 && db_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no alias %.*s@%.*s",
                       SLICE_FMT(alias->localpart), SLICE_FMT(alias->domain));
    return rc;
}

static int member_add(struct db *db, struct arena *a, const struct address *alias,
                      const struct address *member, struct err *err)
{
    const struct slice texts[] = {alias->domain, alias->localpart, member->domain,
                                  member->localpart};
    int rc = directory_run(db,
                           "INSERT INTO alias_member (domain, localpart, member_domain, "
                           "member_localpart) SELECT ?1, ?2, domain, localpart FROM address "
                           "WHERE domain = ?3 AND localpart = ?4 AND NOT catchall",
                           texts, 4, err);

    if (rc == -ERR_EXISTS)
        return err_set(err, ERR_EXISTS, "%.*s is a member already",
                       SLICE_FMT(address_text(a, member)));
    if (rc == 0 && db_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "%.*s is not an address of an account",
                       SLICE_FMT(address_text(a, member)));
    return rc;
}

static int member_remove(struct db *db, struct arena *a, const struct address *alias,
                         const struct address *member, struct err *err)
{
    const struct slice texts[] = {alias->domain, alias->localpart, member->domain,
                                  member->localpart};
    int rc = directory_run(db,
                           "DELETE FROM alias_member WHERE domain = ?1 AND localpart = ?2 AND "
                           "member_domain = ?3 AND member_localpart = ?4",
                           texts, 4, err);

    if (rc == 0 && db_changes(db) == 0)
        return err_set(err, ERR_NOT_FOUND, "%.*s is not a member",
                       SLICE_FMT(address_text(a, member)));
    return rc;
}

static int members_count(struct db *db, const struct address *alias, struct err *err)
{
    struct db_row r;
    int64_t n = 0;
    int rc = db_query(db, "SELECT count(*) FROM alias_member WHERE domain = ?1 AND localpart = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, alias->domain);
    db_bind_text(&r, 2, alias->localpart);
    rc = db_step(&r, err);
    if (rc == 1)
        n = db_int(&r, 0);
    db_done(&r);
    if (rc < 0)
        return rc;
    if (n == 0)
        return err_set(err, ERR_INVALID, "an alias must have a member; to end it, remove it");
    if (n > (int64_t)DIRECTORY_MEMBERS_MAX)
        return err_set(err, ERR_LIMIT, "an alias can have %zu members", DIRECTORY_MEMBERS_MAX);
    return 0;
}

static int members_edit(struct call *c, struct db *db, const struct address *alias, struct err *err)
{
    const Gw__AliasEdit *request = c->request->alias_edit;
    bool remove = request->what == GW__ALIAS_EDIT__WHAT__WHAT_MEMBERS_REMOVE;

    for (size_t i = 0; i < request->n_members; i++) {
        struct address member;
        int rc = directory_own_address(db, &c->out, rpc_slice(request->members[i]),
                                       /* catchall= */ false, &member, err);

        if (rc == 0)
            rc = remove ? member_remove(db, &c->out, alias, &member, err)
                        : member_add(db, &c->out, alias, &member, err);
        if (rc < 0)
            return rc;
    }
    return members_count(db, alias, err);
}

static int alias_delete(struct db *db, const struct address *alias, struct err *err)
{
    const struct slice texts[] = {alias->domain, alias->localpart};
    int rc = directory_run(db, "DELETE FROM alias_member WHERE domain = ?1 AND localpart = ?2",
                           texts, 2, err);

    if (rc < 0)
        return rc;
    return directory_run(db, "DELETE FROM alias WHERE domain = ?1 AND localpart = ?2", texts, 2,
                         err);
}

static int alias_apply(struct call *c, struct write_ctx *ctx, struct err *err)
{
    const Gw__AliasEdit *request = c->request->alias_edit;
    bool add = request->what == GW__ALIAS_EDIT__WHAT__WHAT_ADD;
    struct address alias;
    int rc = directory_own_address(ctx->db, &c->out, rpc_slice(request->alias),
                                   /* catchall= */ false, &alias, err);

    if (rc == 0 && add)
        rc = alias_insert(ctx->db, &c->out, &alias, err);
    if (rc == 0)
        rc = settings_write(ctx->db, &alias, request, err);
    if (rc == 0 && request->what == GW__ALIAS_EDIT__WHAT__WHAT_REMOVE)
        rc = alias_delete(ctx->db, &alias, err);
    else if (rc == 0 && request->what != GW__ALIAS_EDIT__WHAT__WHAT_UPDATE)
        rc = members_edit(c, ctx->db, &alias, err);
    return rc < 0 ? rc : call_answer_done(c, err);
}

int call_alias_edit(struct call *c, struct err *err)
{
    (void)err;
    return call_write(c, c->store->directory, alias_apply);
}
