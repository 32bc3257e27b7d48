/* Calls to the store, and the rows that come back; included only inside src/imap. */
#pragma once

#include "base/builder.h"
#include "base/ranges.h"
#include "edge/edge.h"
#include "imap/parse.h"
#include "imap/session.h"

/* Ranges per request: far below the size of a record. */
#define IMAP_RANGES_PER_CALL 2000u

/* The answer lives until the next call; what must live longer is copied. `want` is the kind of
 * answer that is expected: another one is ERR_INTERNAL. Descriptors are closed when fds_out is
 * NULL. */
int imap_call(struct imap_session *s, Gw__Request *request, Gw__Response__ResultCase want,
              const Gw__Response **out, struct err *err) WARN_UNUSED;
int imap_call_fds(struct imap_session *s, Gw__Request *request, const int *fds, size_t fds_n,
                  Gw__Response__ResultCase want, const Gw__Response **out,
                  struct channel_record *fds_out, struct err *err) WARN_UNUSED;

/* Ranges as pairs, in the command's arena: at most limit members in at most IMAP_RANGES_PER_CALL
 * ranges, from the front of `set`. *last_out is the last UID they hold. */
struct imap_pairs {
    uint32_t *v;
    size_t n;
    uint32_t last;
};
struct imap_pairs imap_pairs(const struct ranges *set, uint64_t limit,
                             uint32_t buf[static 2 * IMAP_RANGES_PER_CALL]);
/* Takes from `todo` what the store has answered: all pairs, or those below next_uid when that is
 * not 0. fails: ERR_INTERNAL when that is nothing, which would be asked for without end. */
int imap_pairs_answered(struct ranges *todo, const struct imap_pairs *pairs, uint32_t next_uid,
                        struct err *err) WARN_UNUSED;
/* Pairs from the store, added to `out`; false when they are not pairs, or out of memory. */
bool imap_pairs_add(struct ranges *out, const uint32_t *v, size_t n);

/* The mailbox by name, or by id when the name is empty. */
int imap_mailbox_open(struct imap_session *s, struct slice name, uint64_t id,
                      const Gw__MailboxOpened **out, struct err *err) WARN_UNUSED;
/* The first rows of `todo`: what was answered is removed from it. */
int imap_messages_read(struct imap_session *s, struct ranges *todo, uint64_t limit, uint32_t fields,
                       uint64_t changed_since, const Gw__Messages **out,
                       struct err *err) WARN_UNUSED;

/* "FLAGS (…)" of a row. */
void imap_write_row_flags(struct builder *out, const Gw__Message *row);
/* "* 3 FETCH (UID 7 FLAGS (…) MODSEQ (9))", as others' changes are told. */
void imap_tell_flags(struct imap_session *s, const Gw__Message *row);
/* "* FLAGS (…)" with the keywords of a mailbox. */
void imap_tell_keywords(struct imap_session *s, const Gw__Mailbox *mailbox);
/* "* LIST (\Subscribed …) "/" name", with the old name in sessions that know IMAP4rev2. */
void imap_tell_list(struct imap_session *s, const Gw__Mailbox *mailbox, struct slice old_name);
/* Attributes of special use, each with a space before it when `space` is not empty yet. */
void imap_write_special_use(struct builder *out, uint32_t bits, const char **space);
uint32_t imap_special_use_of(struct slice attribute);
