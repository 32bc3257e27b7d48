/* Replies: code, enhanced code, text, in lines of legal length. Pure. */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

#define SMTP_REPLY_LINE_MAX 510 /* RFC 5321 4.5.3.1.5: 512 with CRLF */

/* What is said about a command, or about one recipient. */
struct smtp_reply {
    unsigned code;
    const char *ecode; /* "5.1.1"; its first digit is that of the code. NULL: none is said */
    struct slice
        text; /* LF separates lines; other control octets and octets above 0x7e are replaced */
};

#define SMTP_REPLY(c, e, literal) ((struct smtp_reply){(c), (e), SLICE(literal)})

/* The reply as it goes out. `id`, unless empty, is put at the end of the last line in parentheses.
 * Each line repeats both codes; long lines are broken, at a space where there is one. Lives in `a`;
 * empty when out of memory. */
struct slice smtp_reply_encode(struct arena *a, const struct smtp_reply *reply, struct slice id);

/* RFC 5321 4.2.1: the one reply for a message from what became of it for each recipient (n > 0).
 * All well: the first. All failed in the same way: that, with a line for each different text. Mixed
 * failures: a line per recipient and a summary, temporary if one of them is. Some failed, some not:
 * the failures alone, as above, and the text says that the others have the message: without a
 * delivery report to send, an error is what tells the sender. */
struct smtp_reply smtp_reply_combine(struct arena *a, const struct smtp_reply *v,
                                     const struct slice *recipients, size_t n);
