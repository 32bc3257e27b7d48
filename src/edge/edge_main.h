/* The life of an edge process, the same for mx, access and web.
 *
 *   reads                connections from anywhere; answers and events of the store; orders of the
 * supervisor may call             what its role's row of src/store/rights.c allows holds its
 * listening sockets, its channels, the server's TLS key an intruder could    see and forge what
 * passes through this process, and act for accounts that are logged in on it; but open no file,
 * start no program; connect to nothing, or, in a role with a resolver: send datagrams anywhere, and
 * connect by TCP to the ports of name servers (before Linux 6.7: to any) */
#pragma once

#include "edge/settings.h"
#include "net/conn.h"
#include "net/resolver.h"

struct edge_role {
    const char *name; /* "mx" */
    /* The protocol of a service; NULL when the role does not serve it. */
    const struct protocol *(*protocol)(enum edge_service service);
    /* Makes the process's resolver, which lives as long as the process; NULL when the role looks up
     * no names: then its sandbox lets it make no sockets. */
    int (*resolver)(const struct resolver_config *config, struct dns **out, struct err *err);
};

/* Never returns before the process is to end; the result is the exit status. */
int edge_main(const struct edge_role *role);
