/* What commands need to talk to the running server of a configuration. */
#pragma once

#include "cmd/command.h"
#include "rpc/call.h"
#include "supervisor/admin.h"

struct admin_client {
    struct arena arena; /* of the answers */
    struct config *config;
    int fd;                   /* the control socket */
    struct rpc_client *store; /* NULL until admin_client_store */
};

/* Reads the configuration and connects. fails: as config_load (errors are printed) and
 * admin_connect, with advice. */
int admin_client_open(struct admin_client *c, const struct invocation *in,
                      struct err *err) WARN_UNUSED;
/* Also opens a channel to the store. */
int admin_client_store(struct admin_client *c, const struct invocation *in,
                       struct err *err) WARN_UNUSED;
void admin_client_done(struct admin_client *c);

/* The calls on the directory that commands and localserve make. *unchanged_out, which may be NULL:
 * all was so already. */
int admin_domain(struct rpc_client *store, Gw__Edit edit, const char *domain, bool *unchanged_out,
                 struct err *err) WARN_UNUSED;
/* text: the address for ADD, the reason for DISABLE, else "". */
int admin_account(struct rpc_client *store, Gw__Edit edit, const char *account, const char *text,
                  bool *unchanged_out, struct err *err) WARN_UNUSED;
/* mailbox: for ADD; NULL: the Inbox. */
int admin_address(struct rpc_client *store, Gw__Edit edit, const char *address, const char *account,
                  const char *mailbox, struct err *err) WARN_UNUSED;
int admin_password(struct rpc_client *store, const char *account, struct slice password,
                   struct err *err) WARN_UNUSED;
int admin_alias(struct rpc_client *store, Gw__AliasEdit *body, struct err *err) WARN_UNUSED;
int admin_domain_set(struct rpc_client *store, Gw__DomainSet *body, bool *unchanged_out,
                     struct err *err) WARN_UNUSED;
int admin_account_set(struct rpc_client *store, Gw__AccountSet *body, bool *unchanged_out,
                      struct err *err) WARN_UNUSED;
int admin_address_set(struct rpc_client *store, Gw__AddressSet *body, bool *unchanged_out,
                      struct err *err) WARN_UNUSED;
int admin_installation_set(struct rpc_client *store, Gw__InstallationSet *body, bool *unchanged_out,
                           struct err *err) WARN_UNUSED;

/* "2026-11-28T09:15:00Z"; "never" for 0. */
#define ADMIN_TIME_TEXT 32
const char *admin_time_text(int64_t ns, char buf[static ADMIN_TIME_TEXT]);

/* Says so when nothing changed: scripts set what they want to have, and may look. */
void admin_print_unchanged(bool unchanged);

/* Prints a row; n counts them over all pages. */
typedef void admin_print(const Gw__Directory *page, const Gw__DirectoryRow *row, size_t n,
                         FILE *to);
/* One a line: name, account when there is one, and whether it is disabled, with the reason. */
admin_print admin_print_line;
/* All rows; of: "" for what needs none. */
int admin_list(struct rpc_client *store, Gw__DirectoryList__What what, const char *of,
               admin_print *print, FILE *to, struct err *err) WARN_UNUSED;
