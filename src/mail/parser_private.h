/* The state of a parser between two chunks, and its limits: of message.c and excerpt.c. */
#pragma once

#include "mail/message_private.h"

#define BOUNDARY_MAX 256
#define HOLD_MAX (BOUNDARY_MAX + 64)
#define FIELDS_TOTAL_MAX 8000 /* kept of all headers of a message */
/* Of the arena; past it further headers are not kept, so that no message exhausts MAIL_ARENA_MAX:
 * the last header kept takes less than the other half, with all that is made from it. */
#define ARENA_SOFT_MAX (MAIL_ARENA_MAX * 3 / 8)
/* RFC 5322 2.1.1: 998 octets and the line end. */
#define LINE_MAX_OCTETS 1000
#define EXCERPT_MAX (64u * 1024)
#define EXCERPTS_MAX (256u * 1024) /* undecoded text looked at per message */
#define PREVIEW_TEXT_MAX 4096

enum entity_state { ENTITY_HEADER, ENTITY_BODY, ENTITY_PREAMBLE };

struct entity {
    struct mail_part *part;
    struct mail_part *last_child;
    enum entity_state state;
    uint64_t lines_at_body;
    struct slice boundary; /* of a multipart that may still have parts; else empty */
    bool digest;           /* a part of multipart/digest */
    bool hidden;           /* encrypted, or a signature: not for the preview */
};

struct mail_parser {
    struct arena *a;
    size_t used_before; /* of the arena, when the parser came */
    uint64_t at;        /* octets consumed */
    uint64_t lines;     /* line ends consumed */
    uint64_t bare_lfs;  /* of them without CR */
    uint64_t line_at;   /* where the line began that is being consumed */
    uint32_t tail;      /* the last four octets, newest lowest */
    bool line_start;
    bool skip_line; /* the rest of a boundary line */
    bool frozen;    /* MAIL_PARTS_MAX is reached: boundaries mean nothing any more */
    bool failed;
    size_t hold_n;
    size_t depth; /* entities on the stack */
    size_t boundaries;
    size_t nested; /* messages within the message on the stack */
    size_t parts_n;
    struct builder header; /* of the part being read */
    size_t header_line_n;  /* octets of its current line so far */
    bool header_cr;        /* that line is a CR so far */
    size_t header_left, fields_left, addresses_left, excerpts_left;
    struct transfer_count count;
    struct octet_scan scan;
    struct faults faults;
    struct builder excerpt;
    size_t excerpt_max;       /* 0: not text */
    struct builder raw, utf8; /* the excerpt decoded, and converted */
    struct builder text;
    struct mail_message *m;
    /* Written before they are read: not cleared. */
    uint8_t hold[HOLD_MAX];
    struct entity stack[2 * MAIL_DEPTH_MAX + 2];
};

/* ---- excerpt.c ---- */

/* How many undecoded octets of a text part are of use. */
size_t excerpt_room(const struct mail_parser *p, const struct mail_part *part);
/* The text of the part just read, converted and without markup. hidden: not for the preview. */
void excerpt_take(struct mail_parser *p, const struct mail_part *part, bool hidden);
/* Decoded From, To, Cc and Subject begin the text; counts what is asked of the header. */
void excerpt_header(struct mail_parser *p, const struct mail_header *h);
