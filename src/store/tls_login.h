/* Logging in with the key of a client's certificate. Only for files in src/store. */
#pragma once

#include "store/login.h"

/* The label of a login by certificate alone, in requests too. */
#define TLS_LOGIN "tlsclientauth"

struct tls_login {
    bool known; /* the key is in the directory */
    bool valid; /* and its login address is one of its account */
    bool no_imap_preauth;
    struct slice address; /* the login address, when the key is known */
    struct directory_account account;
};

/* Whose key it is; lives in c->in. */
int tls_login_find(struct call *c, struct slice fingerprint, struct tls_login *out,
                   struct err *err) WARN_UNUSED;
/* Authenticate with TLS_LOGIN. */
call_run tls_login_authenticate;
