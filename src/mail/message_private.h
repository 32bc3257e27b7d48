/* What the files of this folder share. */
#pragma once

#include "base/arena.h"
#include "base/builder.h"
#include "mail/decode.h"
#include "mail/fold.h"
#include "mail/message.h"
#include "mail/render.h"

/* ---- fault.c ---- */

struct faults {
    struct mail_fault v[MAIL_FAULT_KINDS];
};
void faults_add(struct faults *f, enum mail_fault_kind kind, uint64_t at);
/* Sets m->faults and m->strict. */
void faults_conclude(struct arena *a, const struct faults *f, struct mail_message *m);

/* ---- scan.c: what is odd about single octets, whatever they belong to ---- */

struct octet_scan {
    uint64_t at; /* octets seen */
    uint8_t last;
    bool has_8bit;
};
/* crlf_n: how many line ends of CRLF ended in these octets. */
void octet_scan_feed(struct octet_scan *s, struct slice in, uint64_t crlf_n, struct faults *f);
void octet_scan_finish(const struct octet_scan *s, struct faults *f);

/* ---- header.c ---- */

/* mail_header_parse of a block at offset `at` of a message. */
int header_read(struct arena *a, struct slice block, uint64_t at, struct faults *f,
                struct mail_header *out, struct err *err) WARN_UNUSED;

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
    uint64_t good;     /* base64: octets of the alphabet, and '='; what else there is is junk */
    uint64_t broken;   /* quoted-printable: escapes that are none */
};
/* Counts exactly what mail_decode_transfer writes for the same octets in one piece. */
void transfer_count_feed(struct transfer_count *t, struct slice in);
/* eol_n: octets of the line end just fed that do not belong to the body. */
uint64_t transfer_count_finish(struct transfer_count *t, unsigned eol_n);

/* ---- params.c ---- */

struct mail_param_list {
    const struct mail_param *v;
    size_t n;
    bool bad;      /* something breaks the grammar; one semicolon at the end is forgiven */
    bool repeated; /* the same name, or segment of one, twice */
};

#define MAIL_PARAMS_MAX 1000 /* segments of parameters read per field */

/* The text before the first ';' without comments, trimmed; *rest_out what follows. Lives in `a`, or
 * borrows. */
struct slice params_first(struct arena *a, struct slice body, struct slice *rest_out);
/* ";name=value;…" sorted by name; RFC 2231 continuations joined, charsets decoded. */
struct mail_param_list params_parse(struct arena *a, struct slice rest);
/* RFC 2045 5.1. */
bool params_is_token(struct slice s);
/* The value of that name (lower case), or p == NULL. */
struct slice params_find(const struct mail_param *v, size_t n, struct slice name);

/* ---- entity.c: what a finished header says ---- */

/* Fills the MIME fields of *part from its header; `digest`: the default type is message/rfc822. */
void entity_read(struct arena *a, struct mail_part *part, bool digest, struct faults *f);
enum part_encoding entity_encoding(const struct mail_part *part);
/* Whether the part is text, also by default. */
bool entity_is_text(const struct mail_part *part);
/* Of type message/rfc822 or message/global. */
bool entity_is_message(const struct mail_part *part);
/* addresses_left: of the message's MAIL_ADDRESSES_MAX. */
struct mail_envelope *entity_envelope(struct arena *a, const struct mail_part *part,
                                      size_t *addresses_left, struct faults *f);
/* Fills what the finished part tree says of the message: ids, base subject, dsn, author. */
void entity_conclude(struct arena *a, struct mail_message *m, struct faults *f);
/* Whether the line is "--boundary" (1) or "--boundary--" (2), both perhaps with white space
 * behind; else 0. */
int entity_boundary_match(struct slice line, struct slice boundary);

/* ---- compose.c ---- */

/* RFC 5322 3.2.3, with the octets above 0x7f of RFC 6532. */
bool text_is_atext(int c);
bool text_is_dot_atom(struct slice s);
/* s between two octets, with a backslash where one of `special` stands; control octets become
 * spaces. Lives in `a`. */
struct slice text_enclose(struct arena *a, char open, struct slice s, char close,
                          const char *special);
#define TEXT_PLAIN_MAX 900 /* RFC 5322 2.1.1: a line with it stays below 998 octets */
/* Whether a word or quoted string can go out as it is, and is not taken for an encoded-word. */
bool text_is_plain(struct slice s, bool utf8);

/* ---- words_encode.c ---- */

/* text: UTF-8, not empty; `a` holds the words until fold_end. In Q, or in B where that is clearly
 * shorter; no character is cut in two (RFC 2047 5). */
void words_encode(struct fold *f, struct arena *a, struct slice text);

/* ---- thread.c ---- */

struct slice thread_message_id(struct arena *a, struct slice body);
void thread_references(struct arena *a, const struct mail_header *h, struct mail_message *m);
/* subject: decoded. */
struct slice thread_subject_base(struct arena *a, struct slice subject, bool *response_out);

/* ---- preview.c ---- */

/* At most 256 characters of UTF-8 text, as RFC 8970 wishes: quotes and signature left out. */
struct slice preview_of_text(struct arena *a, struct slice text);
