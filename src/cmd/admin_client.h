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

/* The calls on the directory that commands and localserve make. */
int admin_domain(struct rpc_client *store, Gw__Edit edit, const char *domain,
                 struct err *err) WARN_UNUSED;
int admin_account(struct rpc_client *store, Gw__Edit edit, const char *account, const char *address,
                  struct err *err) WARN_UNUSED;
int admin_address(struct rpc_client *store, Gw__Edit edit, const char *address, const char *account,
                  struct err *err) WARN_UNUSED;
int admin_password(struct rpc_client *store, const char *account, struct slice password,
                   struct err *err) WARN_UNUSED;
/* Prints all rows, one a line: name, and account when there is one. */
int admin_list(struct rpc_client *store, Gw__DirectoryList__What what, FILE *to,
               struct err *err) WARN_UNUSED;
