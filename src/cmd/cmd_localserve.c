#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cmd/admin_client.h"
#include "cmd/localserve.h"
#include "supervisor/supervisor.h"

#define BASE_PORT 1000
#define BASE_PORT_MAX (65535 - 993)

static int set_directory(const struct invocation *in, struct localserve *l, struct err *err)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME"), *dir = in->flags[FLAG_DIR];
    char cwd[2048];
    int n;

    if (dir && dir[0] == '/')
        n = snprintf(l->directory, sizeof(l->directory), "%s", dir);
    else if (dir && dir[0] && getcwd(cwd, sizeof(cwd)))
        n = snprintf(l->directory, sizeof(l->directory), "%s/%s", cwd, dir);
    else if (!dir && data && data[0] == '/')
        n = snprintf(l->directory, sizeof(l->directory), "%s/godwit-localserve", data);
    else if (!dir && home && home[0] == '/')
        n = snprintf(l->directory, sizeof(l->directory), "%s/.local/share/godwit-localserve", home);
    else
        return err_set(err, ERR_INVALID, "there is no home directory: name one with --dir");
    return n > 0 && (size_t)n < sizeof(l->directory)
               ? 0
               : err_set(err, ERR_LIMIT, "the name of the directory is too long");
}

static int set_ports(const struct invocation *in, struct localserve *l, struct err *err)
{
    uint64_t base = BASE_PORT;

    if (in->flags[FLAG_BASE_PORT] &&
        !num_parse(slice_str(in->flags[FLAG_BASE_PORT]), BASE_PORT_MAX, &base))
        return err_set(err, ERR_INVALID, "--base-port is a number up to %d", BASE_PORT_MAX);
    l->base_port = (uint16_t)base;
    l->port_given = in->flags[FLAG_BASE_PORT] != NULL;
    l->ip = in->flags[FLAG_IP];
    l->ip_given = in->flags[FLAG_IP] != NULL;
    return 0;
}

/* What is there already stays as it is. */
static int unless_exists(int rc)
{
    return rc == -ERR_EXISTS ? 0 : rc;
}

/* Tests send much, and to many: without the daily limits of accounts. */
static int lift_limits(struct rpc_client *store, struct err *err)
{
    Gw__AccountSet account = GW__ACCOUNT_SET__INIT;
    Gw__InstallationSet installation = GW__INSTALLATION_SET__INIT;
    Gw__RoleAddress postmaster = GW__ROLE_ADDRESS__INIT;

    account.account = rpc_bytes(SLICE(LOCALSERVE_ACCOUNT));
    account.has_messages_per_day = account.has_recipients_per_day = true;
    account.messages_per_day = account.recipients_per_day = -1;
    postmaster.account = account.account;
    installation.postmaster = &postmaster;
    int rc = admin_account_set(store, &account, NULL, err);

    return rc == 0 ? admin_installation_set(store, &installation, NULL, err) : rc;
}

static int make_account(struct supervisor *s, struct err *err)
{
    int fd;
    int rc = supervisor_admin_channel(s, &fd, err);

    if (rc < 0)
        return rc;
    struct rpc_client *store = rpc_client_channel(fd);

    if (!store)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = unless_exists(admin_domain(store, GW__EDIT__EDIT_ADD, "localhost", NULL, err));
    if (rc == 0)
        rc = unless_exists(admin_account(store, GW__EDIT__EDIT_ADD, LOCALSERVE_ACCOUNT,
                                         LOCALSERVE_ADDRESS, NULL, err));
    if (rc == 0)
        rc = unless_exists(
            admin_address(store, GW__EDIT__EDIT_ADD, "@localhost", LOCALSERVE_ACCOUNT, NULL, err));
    if (rc == 0)
        rc = lift_limits(store, err);
    if (rc == 0)
        rc = admin_password(store, LOCALSERVE_ACCOUNT, SLICE(LOCALSERVE_PASSWORD), err);
    rpc_client_free(store);
    return rc < 0 ? err_prefix(err, "make the account") : 0;
}

static const char *purpose_of(enum config_service_kind kind)
{
    static const char *const purposes[] = {
        [CONFIG_SMTP] = "mail from other servers; STARTTLS possible",
        [CONFIG_SUBMISSION] = "sending; STARTTLS possible",
        [CONFIG_SUBMISSIONS] = "sending; TLS",
        [CONFIG_IMAP] = "reading; STARTTLS possible",
        [CONFIG_IMAPS] = "reading; TLS",
        [CONFIG_HTTP] = "the account page",
        [CONFIG_HTTPS] = "the account page; TLS",
        [CONFIG_METRICS] = "numbers for Prometheus, at /metrics",
    };

    return purposes[kind];
}

static void print_services(const struct config *config)
{
    (void)printf("\n  %-12s %-40s %6s   %s\n", "service", "addresses", "port", "for");
    for (size_t i = 0; i < config->listener_n; i++) {
        const struct config_listener *listener = &config->listener[i];
        char addresses[256] = "";
        size_t used = 0;

        for (size_t k = 0; k < listener->addresses.n && used < sizeof(addresses); k++)
            used += (size_t)snprintf(addresses + used, sizeof(addresses) - used, "%s%s",
                                     k ? ", " : "", listener->addresses.item[k]);
        for (size_t k = 0; k < listener->service_n; k++)
            (void)printf("  %-12s %-40s %6d   %s\n", config_service_name(listener->service[k].kind),
                         addresses, (int)listener->service[k].port,
                         purpose_of(listener->service[k].kind));
    }
}

static int on_ready(void *owner, struct supervisor *s, struct err *err)
{
    struct localserve *l = owner;
    bool fresh = l->pending;
    int rc = fresh ? make_account(s, err) : 0;

    if (rc < 0)
        return rc;
    localserve_finished(l);
    (void)printf("godwit %s localserve: a mail server for tests, reachable from this machine\n",
                 GODWIT_VERSION);
    print_services(supervisor_config(s));
    (void)printf("\n  %-12s %s (every other address @localhost arrives there too)\n", "address",
                 LOCALSERVE_ADDRESS);
    (void)printf("  %-12s %s\n", "user name", LOCALSERVE_ADDRESS);
    (void)printf("  %-12s %s%s\n", "password", LOCALSERVE_PASSWORD,
                 fresh ? "" : " (unless it was changed)");
    (void)printf("  %-12s %s/ca.pem (let the mail client trust it)\n", "TLS", l->directory);
    (void)printf("  %-12s %s (%s)\n", "directory", l->directory, fresh ? "new" : "existing");
    (void)printf("  %-12s %s --config %s COMMAND\n\nready\n", "commands", program_invocation_name,
                 l->config_path);
    if (fflush(stdout) != 0)
        return err_set(err, ERR_IO, "cannot write to standard output");
    return 0;
}

int cmd_localserve(const struct invocation *in, struct err *err)
{
    struct localserve l = {0};
    struct supervisor_options options = {.program_directory = in->program_directory,
                                         .keep_user = true,
                                         .ready = on_ready,
                                         .owner = &l};

    if (geteuid() == 0)
        (void)fprintf(stderr, "godwit: localserve does not need to run as root\n");
    int rc = set_directory(in, &l, err);

    if (rc == 0)
        rc = set_ports(in, &l, err);
    if (rc == 0)
        rc = localserve_prepare(&l, err);
    if (rc < 0)
        return rc;
    options.config_path = l.config_path;
    rc = supervisor_run(&options, err);
    if (rc == -ERR_UNAVAILABLE && strstr(err->text, "in use by another program"))
        return err_detail(err, "try other ports with --base-port N, for example --base-port %u",
                          l.base_port < 50000 ? l.base_port + 10000u : 10000u);
    return rc;
}
