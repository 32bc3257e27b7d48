/* The content of DATA (RFC 5321 4.5.2): finds its end, removes stuffed dots, checks line ends.
 * Pure.
 *
 * Fed in chunks of any size, cut anywhere. What it gives are parts of the chunk itself, nothing is
 * copied:
 *
 *   while (smtp_data_next(&reader, &in, &run))     // `in` shrinks
 *       store(run);
 *   if (reader.ended) …                            // `in` is what follows the end
 *
 * RFC 5321 2.3.8: CR and LF belong together and occur in no other way. Anything else is how
 * messages are smuggled past servers that disagree about where one ends; the reader goes on to the
 * real end and remembers it (`bad`). The same for NUL (RFC 5321 4.5.2, RFC 6152 3). */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

struct smtp_data_reader {
    enum {
        SMTP_DATA_LINE_START,
        SMTP_DATA_IN_LINE,
        SMTP_DATA_CR,     /* within a line, a CR came last */
        SMTP_DATA_DOT,    /* a line began with a dot */
        SMTP_DATA_DOT_CR, /* … and a CR followed */
    } state;
    bool bad;
    bool ended;
};

/* {0} is the start. Takes from the front of *in, gives the next run of content (never empty). False
 * when *in is used up, or the end was found. */
bool smtp_data_next(struct smtp_data_reader *r, struct slice *in, struct slice *run_out);

/* The same rule about line ends for octets that are counted (BDAT), where there are no dots. {0} is
 * the start; `cr` at the end of all octets is a bare CR too. */
struct smtp_line_check {
    bool cr; /* a CR came last */
    bool bad;
};
void smtp_line_check(struct smtp_line_check *l, struct slice octets);
