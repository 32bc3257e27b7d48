/* config alias: addresses whose mail goes to several people. */
#include "cmd/admin_client.h"
#include "cmd/settings.h"

/* All of in->args: the alias, then its members. */
static int edit(const struct invocation *in, Gw__AliasEdit__What what, struct err *err)
{
    ProtobufCBinaryData members[COMMAND_ARGS_MAX];
    Gw__AliasEdit body = GW__ALIAS_EDIT__INIT;
    struct admin_client client;
    int rc = settings_bool("--postpublic", in->flags[FLAG_POST_PUBLIC], &body.post_public, err);

    if (rc == 0)
        rc = settings_bool("--listmembers", in->flags[FLAG_LIST_MEMBERS], &body.list_members, err);
    if (rc == 0)
        rc = settings_bool("--allowmsgfrom", in->flags[FLAG_ALLOW_MSG_FROM], &body.allow_msg_from,
                           err);
    if (rc < 0)
        return rc;
    body.what = what;
    body.alias = rpc_bytes(slice_str(in->args[0]));
    body.members = members;
    for (size_t i = 1; i < in->args_n; i++)
        members[body.n_members++] = rpc_bytes(slice_str(in->args[i]));
    rc = admin_client_store(&client, in, err);
    if (rc == 0)
        rc = admin_alias(client.store, &body, err);
    admin_client_done(&client);
    return rc;
}

int cmd_alias_add(const struct invocation *in, struct err *err)
{
    return edit(in, GW__ALIAS_EDIT__WHAT__WHAT_ADD, err);
}

int cmd_alias_update(const struct invocation *in, struct err *err)
{
    if (!in->flags[FLAG_POST_PUBLIC] && !in->flags[FLAG_LIST_MEMBERS] &&
        !in->flags[FLAG_ALLOW_MSG_FROM])
        return err_set(err, ERR_INVALID,
                       "say what to change: --postpublic, --listmembers or --allowmsgfrom");
    return edit(in, GW__ALIAS_EDIT__WHAT__WHAT_UPDATE, err);
}

int cmd_alias_rm(const struct invocation *in, struct err *err)
{
    return edit(in, GW__ALIAS_EDIT__WHAT__WHAT_REMOVE, err);
}

int cmd_alias_addaddr(const struct invocation *in, struct err *err)
{
    return edit(in, GW__ALIAS_EDIT__WHAT__WHAT_MEMBERS_ADD, err);
}

int cmd_alias_rmaddr(const struct invocation *in, struct err *err)
{
    return edit(in, GW__ALIAS_EDIT__WHAT__WHAT_MEMBERS_REMOVE, err);
}

int cmd_alias_list(const struct invocation *in, struct err *err)
{
    struct admin_client client;
    int rc = admin_client_store(&client, in, err);

    if (rc == 0)
        rc = admin_list(client.store, GW__DIRECTORY_LIST__WHAT__WHAT_ALIASES, in->args[0],
                        admin_print_line, stdout, err);
    admin_client_done(&client);
    return rc;
}

/* RFC 8259 7. The directory has UTF-8 without control characters. */
static void print_json_string(struct slice s, FILE *to)
{
    (void)fputc('"', to);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            (void)fputc('\\', to);
        (void)fputc(s.p[i], to);
    }
    (void)fputc('"', to);
}

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

/* The settings come with every page. */
static void print_member(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n, FILE *to)
{
    if (n == 0)
        (void)fprintf(to, "{\"postpublic\":%s,\"listmembers\":%s,\"allowmsgfrom\":%s,\"members\":[",
                      json_bool(page->post_public), json_bool(page->list_members),
                      json_bool(page->allow_msg_from));
    else
        (void)fputc(',', to);
    print_json_string(rpc_slice(row->name), to);
}

int cmd_alias_print(const struct invocation *in, struct err *err)
{
    struct admin_client client;
    int rc = admin_client_store(&client, in, err);

    /* There is at least one member. */
    if (rc == 0)
        rc = admin_list(client.store, GW__DIRECTORY_LIST__WHAT__WHAT_ALIAS_MEMBERS, in->args[0],
                        print_member, stdout, err);
    if (rc == 0)
        (void)printf("]}\n");
    admin_client_done(&client);
    return rc;
}
