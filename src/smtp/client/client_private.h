/* Between the files of this folder.
 *
 * Octets go out through c->out and smtpc_flush, which takes in what comes meanwhile, so that
 * neither side waits for the other with full buffers. Replies are taken one by one by smtpc_read.
 */
#pragma once

#include "base/builder.h"
#include "net/stream.h"
#include "smtp/client/client.h"
#include "smtp/client/reply.h"

#define SMTPC_IN_OCTETS (32u * 1024)
#define SMTPC_OUT_MAX (256u * 1024)
#define SMTPC_BLOCK_OCTETS (32u * 1024)

struct smtpc {
    struct smtpc_settings settings;
    struct stream *stream;
    struct smtpc_offer offer;
    char hostname[256];
    char peer[256];
    bool certificate; /* TLS would show one */
    bool broken;      /* nothing more can be said on this connection */
    bool dirty;       /* a transaction is open: RSET comes first */
    bool plain_dsn;   /* its DSN does not work (RFC 3461 is announced but refused) */
    size_t mails;     /* MAIL commands so far */
    struct builder out;
    uint8_t in[SMTPC_IN_OCTETS];
    size_t in_at, in_n;
    bool end; /* the server sends nothing more */
    struct smtpc_reply_reader reader;
    struct arena arena; /* of the failure */
    struct smtpc_outcome failure;
};

/* ---- io.c ---- */

/* Sends what is in c->out. */
int smtpc_flush(struct smtpc *c, int64_t timeout_ns, struct err *err) WARN_UNUSED;
/* Flushes, then takes the next reply; borrowed until the next one. On failure, c->failure is set
 * and the client is broken; after 421 the client is broken too, but the reply is there. */
int smtpc_read(struct smtpc *c, const char *command, int64_t timeout_ns,
               const struct smtpc_reply **out, struct err *err) WARN_UNUSED;
/* A reply that is in already, without waiting; NULL when there is none. */
const struct smtpc_reply *smtpc_peek(struct smtpc *c);
/* Writes the line and reads its reply. */
int smtpc_command(struct smtpc *c, const char *command, const char *line, int64_t timeout_ns,
                  const struct smtpc_reply **out, struct err *err) WARN_UNUSED;

/* ---- outcome.c ---- */

/* 5xx is permanent, anything else temporary (RFC 5321 4.2.1). */
struct smtpc_outcome smtpc_of_reply(struct arena *a, const struct smtpc_reply *reply,
                                    const char *command);
struct smtpc_outcome smtpc_of_err(struct arena *a, const struct err *err, enum smtpc_state state,
                                  enum smtpc_reason reason, const char *command);
/* Sets c->failure, and *err from it; returns what err_set does. */
int smtpc_refused(struct smtpc *c, const struct smtpc_reply *reply, const char *command,
                  struct err *err);
int smtpc_give_up(struct smtpc *c, enum smtpc_state state, enum smtpc_reason reason,
                  const char *command, struct err *err);

/* ---- lines of commands: envelope.c ---- */

struct smtpc_needs {
    bool utf8;     /* SMTPUTF8 is used */
    bool dsn;      /* RFC 3461 parameters are used */
    bool eightbit; /* BODY is said */
};
bool smtpc_address_needs_utf8(struct slice address);
/* The commands without CRLF. False: an address that cannot be written. */
bool smtpc_write_mail(struct smtpc *c, const struct smtpc_envelope *e,
                      const struct smtpc_needs *needs, struct builder *out);
bool smtpc_write_rcpt(const struct smtpc_recipient *r, const struct smtpc_envelope *e,
                      const struct smtpc_needs *needs, struct builder *out);
bool smtpc_mail_has_dsn(const struct smtpc_envelope *e);

/* ---- content.c ---- */

/* The message behind DATA's 354, or in BDAT chunks; and the reply to it. *taken_out: whether the
 * server has it; otherwise c->failure says why. */
void smtpc_send_data(struct smtpc *c, const struct smtpc_envelope *e, bool *taken_out,
                     struct err *err);
void smtpc_send_chunks(struct smtpc *c, const struct smtpc_envelope *e, bool *taken_out,
                       struct err *err);

/* ---- transaction.c ---- */

/* One MAIL with these recipients, which all get an outcome. */
void smtpc_transaction(struct smtpc *c, const struct smtpc_envelope *e,
                       struct smtpc_recipient **list, size_t n, struct err *err);
