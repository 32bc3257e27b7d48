/* config domain, account, address and installation set: what was not named stays as it is. */
#include "cmd/admin_client.h"
#include "cmd/settings.h"

static int need_flag(const struct invocation *in, const char *which, struct err *err)
{
    for (size_t i = 0; i < COMMAND_FLAGS_N; i++) {
        if (in->flags[i])
            return 0;
    }
    return err_set(err, ERR_INVALID, "say what to change: %s", which);
}

int cmd_domain_set(const struct invocation *in, struct err *err)
{
    ProtobufCBinaryData separators[SETTINGS_SEPARATORS_MAX];
    Gw__DomainSet body = GW__DOMAIN_SET__INIT;
    Gw__RoleAddress dmarc, tls;
    struct admin_client client;
    bool unchanged = false, given = false;
    int rc = need_flag(in, "--separators, --case-sensitive, --dmarc-reports or --tls-reports", err);

    body.domain = rpc_bytes(slice_str(in->args[0]));
    body.separators = separators;
    if (rc == 0)
        rc = settings_list("--separators", in->flags[FLAG_SEPARATORS], &given, separators,
                           &body.n_separators, err);
    body.has_separators = given;
    if (rc == 0)
        rc = settings_bool("--case-sensitive", in->flags[FLAG_CASE_SENSITIVE], &body.case_sensitive,
                           err);
    if (rc == 0)
        rc = settings_role("--dmarc-reports", in->flags[FLAG_DMARC_REPORTS], true, &dmarc,
                           &body.dmarc_reports, err);
    if (rc == 0)
        rc = settings_role("--tls-reports", in->flags[FLAG_TLS_REPORTS], true, &tls,
                           &body.tls_reports, err);
    if (rc < 0)
        return rc;
    rc = admin_client_store(&client, in, err);
    if (rc == 0)
        rc = admin_domain_set(client.store, &body, &unchanged, err);
    admin_client_done(&client);
    admin_print_unchanged(unchanged);
    return rc;
}

int cmd_account_set(const struct invocation *in, struct err *err)
{
    Gw__AccountSet body = GW__ACCOUNT_SET__INIT;
    struct admin_client client;
    bool unchanged = false, quota = false, messages = false, recipients = false;
    int rc = need_flag(in, "--quota, --messages-per-day or --recipients-per-day", err);

    body.account = rpc_bytes(slice_str(in->args[0]));
    if (rc == 0)
        rc = settings_size("--quota", in->flags[FLAG_QUOTA], true, &quota, &body.quota_bytes, err);
    if (rc == 0)
        rc = settings_count("--messages-per-day", in->flags[FLAG_MESSAGES_PER_DAY], &messages,
                            &body.messages_per_day, err);
    if (rc == 0)
        rc = settings_count("--recipients-per-day", in->flags[FLAG_RECIPIENTS_PER_DAY], &recipients,
                            &body.recipients_per_day, err);
    if (rc < 0)
        return rc;
    body.has_quota_bytes = quota;
    body.has_messages_per_day = messages;
    body.has_recipients_per_day = recipients;
    rc = admin_client_store(&client, in, err);
    if (rc == 0)
        rc = admin_account_set(client.store, &body, &unchanged, err);
    admin_client_done(&client);
    admin_print_unchanged(unchanged);
    return rc;
}

int cmd_address_set(const struct invocation *in, struct err *err)
{
    Gw__AddressSet body = GW__ADDRESS_SET__INIT;
    struct admin_client client;
    bool unchanged = false, mailbox = false, refusal = false, auth_refusal = false;
    int rc = need_flag(in, "--mailbox, --refuse or --auth-required", err);

    body.address = rpc_bytes(slice_str(in->args[0]));
    if (rc == 0)
        rc = settings_text("--mailbox", in->flags[FLAG_MAILBOX], &mailbox, &body.mailbox, err);
    if (rc == 0)
        rc = settings_text("--refuse", in->flags[FLAG_REFUSE], &refusal, &body.refusal, err);
    if (rc == 0)
        rc = settings_text("--auth-required", in->flags[FLAG_AUTH_REQUIRED], &auth_refusal,
                           &body.auth_refusal, err);
    if (rc < 0)
        return rc;
    body.has_mailbox = mailbox;
    body.has_refusal = refusal;
    body.has_auth_refusal = auth_refusal;
    rc = admin_client_store(&client, in, err);
    if (rc == 0)
        rc = admin_address_set(client.store, &body, &unchanged, err);
    admin_client_done(&client);
    admin_print_unchanged(unchanged);
    return rc;
}

int cmd_installation_set(const struct invocation *in, struct err *err)
{
    Gw__InstallationSet body = GW__INSTALLATION_SET__INIT;
    Gw__RoleAddress postmaster, tls;
    struct admin_client client;
    bool unchanged = false, quota = false;
    int rc = need_flag(in, "--postmaster, --tls-reports or --quota", err);

    if (rc == 0)
        rc = settings_role("--postmaster", in->flags[FLAG_POSTMASTER], false, &postmaster,
                           &body.postmaster, err);
    if (rc == 0)
        rc = settings_role("--tls-reports", in->flags[FLAG_TLS_REPORTS], true, &tls,
                           &body.tls_reports, err);
    if (rc == 0)
        rc = settings_size("--quota", in->flags[FLAG_QUOTA], false, &quota, &body.quota_bytes, err);
    if (rc < 0)
        return rc;
    body.has_quota_bytes = quota;
    if (body.quota_bytes < 0)
        body.quota_bytes = 0;
    rc = admin_client_store(&client, in, err);
    if (rc == 0)
        rc = admin_installation_set(client.store, &body, &unchanged, err);
    admin_client_done(&client);
    admin_print_unchanged(unchanged);
    return rc;
}
