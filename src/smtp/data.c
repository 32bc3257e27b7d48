/* The content of DATA: finds its end, undoes the dots, and hands the octets to content.c. */
#include "smtp/session_private.h"

enum smtp_next smtp_data_input(struct smtp_session *s, struct slice in, size_t *used_out)
{
    struct slice rest = in, run;

    while (smtp_data_next(&s->reader, &rest, &run)) {
        if (s->reader.bad)
            smtp_content_refuse(s, SMTP_BAD_LINES);
        smtp_content_take(s, run);
    }
    *used_out = in.n - rest.n;
    if (!s->reader.ended)
        return smtp_content_bounds(s);
    bool smuggling = s->reader.bad;

    if (smuggling)
        smtp_content_refuse(s, SMTP_BAD_LINES);
    enum smtp_next next = smtp_content_end(s);

    /* What follows may have been written to look like commands. */
    return smuggling ? SMTP_CLOSE : next;
}
