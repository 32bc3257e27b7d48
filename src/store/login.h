/* What the calls about logging in share. Only for files in src/store. */
#pragma once

#include "sasl/mechanism.h"
#include "store/credential.h"
#include "store/directory.h"
#include "store/request.h"

/* Bits of app_password.scope. */
enum login_scope { LOGIN_IMAP = 1u << 0, LOGIN_SUBMISSION = 1u << 1, LOGIN_WEB = 1u << 2 };
#define LOGIN_SCOPES (LOGIN_IMAP | LOGIN_SUBMISSION | LOGIN_WEB)

struct login {
    const struct sasl_mechanism *mechanism;
    struct slice user; /* as it was given; borrowed */
    bool known;        /* the address belongs to an account */
    struct directory_account account;
    struct directory_target target;
    struct credential own;     /* the account's password, for scrypt; empty for other mechanisms */
    struct credential_set set; /* all that may be used here, the own one first if there is one */
    struct slice prepared;     /* the password */
    int64_t password_id;       /* of the credential that was right */
    uint64_t epoch;
    uint64_t slowdown_key;
    uint32_t delay_s;
};

/* A login in c->state, which is wiped with the call; finds the mechanism and what is stored for the
 * user. Unknown users take the same steps. On a serving thread. origin may be NULL. */
int login_find(struct call *c, struct slice mechanism, struct slice user,
               const Gw__LoginOrigin *origin, struct login **out, struct err *err) WARN_UNUSED;
/* 1: the account has a password, but without the secrets of the mechanism; 0: it has them, or no
 * password, which looks like no account. */
int login_lacks_secret(struct call *c, const struct login *login, struct err *err) WARN_UNUSED;
/* What is stored as the account's own password; secret_n stays 0 when there is nothing. */
int login_read_own(struct db *db, int64_t account_id, struct credential *out,
                   struct err *err) WARN_UNUSED;
/* What a challenge is for: `user` is empty where it is not known yet. Lives in `a`. */
struct slice login_subject(struct arena *a, const struct sasl_mechanism *mechanism,
                           struct slice user);
/* HMAC with the directory's own key, which stays the same over restarts. purpose: a letter. */
void login_keyed(const struct store *s, char purpose, struct slice text, uint8_t out[32]);
/* Reads that key, or makes it. Before there are readers of it. */
int login_key_open(struct store *s, struct err *err) WARN_UNUSED;
