/* fuzz: dep_imap */
/* The framer cuts the input into commands; each command goes through the grammars of arguments. */
#include <stdlib.h>

#include "imap/fetch_items.h"
#include "imap/framer.h"
#include "imap/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_all(struct slice command)
{
    struct arena a;
    struct imap_view view = {.uidnext = 100};
    struct ranges saved = RANGES_EMPTY;
    struct imap_search search = {0};
    struct imap_fetch_items items;
    struct imap_flags flags;
    struct cursor c[6];

    arena_init(&a, 8u << 20);
    if (!ranges_add(&view.uids, 3, 50))
        abort();
    for (size_t i = 0; i < 6; i++)
        c[i] = cur_init(command);
    imap_search_parse(&search, &c[0], &a, &view, &saved);
    imap_parse_fetch_items(&c[1], &a, &items);
    imap_parse_flags(&c[2], &a, &flags);
    (void)imap_parse_mailbox(&c[3], &a, false);
    (void)imap_parse_date_time(&c[4]);
    (void)imap_parse_list_mailbox(&c[5], &a, true);
    imap_search_done(&search);
    imap_view_done(&view);
    arena_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imap_framer f;
    struct slice in = slice_of(data, size);
    enum imap_frame frame;

    imap_framer_init(&f);
    do {
        struct imap_literal literal;
        size_t used = 0;

        frame = imap_framer_feed(&f, in, &used, &literal);
        if (used > in.n || f.need > IMAP_LITERAL_MAX)
            abort();
        in = slice_from(in, used);
        if (frame == IMAP_FRAME_COMMAND) {
            parse_all(imap_framer_held(&f));
            imap_framer_reset(&f);
        } else if (frame == IMAP_FRAME_LITERAL && !imap_framer_accept(&f, &literal)) {
            imap_framer_reset(&f);
        }
        frame = used ? frame : IMAP_FRAME_TOO_LONG;
    } while (in.n && frame != IMAP_FRAME_TOO_LONG);
    imap_framer_reset(&f);
    return 0;
}
