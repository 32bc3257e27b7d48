/* What the files of this folder share. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "mail/decode.h"
#include "mail/message.h"
#include "mail/render.h"

/* ---- charset.c ---- */

/* Whether mail_decode_charset knows the name. */
bool mail_charset_known(struct slice charset);
/* utf8_valid, faster for text that is mostly ASCII. */
bool mail_text_is_utf8(struct slice s);
/* Whether an octet is above 0x7f. */
bool mail_has_8bit(struct slice s);

/* ---- decode.c: the size of a decoded body, counted while it arrives ---- */

struct transfer_count {
    enum part_encoding encoding;
    uint64_t decoded;
    unsigned quantum; /* base64: characters of the open group of four */
    enum { QP_TEXT, QP_ESCAPE, QP_ESCAPE_HEX, QP_ESCAPE_SPACE } state;
    uint64_t pending;  /* quoted-printable: white space and CR that may yet be dropped */
    bool pending_cr;   /* the last of them is a CR */
    unsigned last_eol; /* octets that the last line end wrote, if nothing followed it */
};
/* Counts exactly what mail_decode_transfer writes for the same octets in one piece. */
void transfer_count_feed(struct transfer_count *t, struct slice in);
/* eol_n: octets of the line end just fed that do not belong to the body. */
uint64_t transfer_count_finish(struct transfer_count *t, unsigned eol_n);

/* ---- params.c ---- */

struct mail_param_list {
    const struct mail_param *v;
    size_t n;
};

#define MAIL_PARAMS_MAX 1000 /* segments of parameters read per field */

/* The text before the first ';' without comments, trimmed; *rest_out what follows. */
struct slice params_first(struct slice body, struct slice *rest_out);
/* ";name=value;…" sorted by name; RFC 2231 continuations joined, charsets decoded. */
struct mail_param_list params_parse(struct arena *a, struct slice rest);
/* The value of that name (lower case), or p == NULL. */
struct slice params_find(const struct mail_param *v, size_t n, struct slice name);

/* ---- entity.c: what a finished header says ---- */

/* Fills the MIME fields of *part from its header; `digest`: the default type is message/rfc822. */
void entity_read(struct arena *a, struct mail_part *part, bool digest);
enum part_encoding entity_encoding(const struct mail_part *part);
/* Whether the part is text, also by default. */
bool entity_is_text(const struct mail_part *part);
/* addresses_left: of the message's MAIL_ADDRESSES_MAX. */
struct mail_envelope *entity_envelope(struct arena *a, const struct mail_header *h,
                                      size_t *addresses_left);
/* Fills what the finished part tree says of the message: ids, base subject, dsn. */
void entity_conclude(struct arena *a, struct mail_message *m);
/* Whether the line is "--boundary" (1) or "--boundary--" (2), both perhaps with white space
 * behind; else 0. */
int entity_boundary_match(struct slice line, struct slice boundary);

/* ---- thread.c ---- */

struct slice thread_message_id(struct arena *a, struct slice body);
void thread_references(struct arena *a, const struct mail_header *h, struct mail_message *m);
/* subject: decoded. */
struct slice thread_subject_base(struct arena *a, struct slice subject, bool *response_out);

/* ---- preview.c ---- */

/* At most 256 characters of UTF-8 text, as RFC 8970 wishes: quotes and signature left out. */
struct slice preview_of_text(struct arena *a, struct slice text);
