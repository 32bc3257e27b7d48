/* RFC 9051 6.4.4: SUBJECT, FROM, TO, CC and BCC ask the envelope structure. It comes with the rows,
 * a page at a time; the message itself is not opened. Its strings are decoded already. */
#include "base/cleanup.h"
#include "imap/parse.h"
#include "imap/search_key.h"

#define ENVELOPE_TEXT_MAX (64u * 1024)

static bool eat_nil(struct cursor *c)
{
    return cur_eat_nocase(c, SLICE("NIL"));
}

/* A string or NIL; NIL gives p == NULL. */
static struct slice read_nstring(struct cursor *c, struct arena *a)
{
    return eat_nil(c) ? (struct slice){NULL, 0} : imap_parse_string(c, a);
}

/* "(name adl mailbox host)" as "name <mailbox@host>, "; a group (no host) by its name. */
static void read_address(struct cursor *c, struct arena *a, struct builder *text)
{
    cur_byte(c, '(', "an address");
    struct slice name = read_nstring(c, a);

    cur_byte(c, ' ', "a space");
    (void)read_nstring(c, a);
    cur_byte(c, ' ', "a space");
    struct slice mailbox = read_nstring(c, a);

    cur_byte(c, ' ', "a space");
    struct slice host = read_nstring(c, a);

    cur_byte(c, ')', "the end of an address");
    build_bytes(text, name);
    if (host.p) {
        build_text(text, name.n > 0 ? " <" : "<");
        build_bytes(text, mailbox);
        build_byte(text, '@');
        build_bytes(text, host);
        build_text(text, ">, ");
    } else {
        build_bytes(text, mailbox);
        build_text(text, ": ");
    }
}

/* False when the field is absent. */
static bool read_item(struct cursor *c, struct arena *a, struct builder *text)
{
    if (eat_nil(c))
        return false;
    if (cur_peek(c) != '(') {
        build_bytes(text, imap_parse_string(c, a));
        return true;
    }
    cur_byte(c, '(', "a list");
    while (cur_ok(c) && cur_peek(c) != ')')
        read_address(c, a, text);
    cur_byte(c, ')', "the end of a list");
    return true;
}

bool imap_search_envelope(const struct imap_search_key *key, struct imap_search_message *m)
{
    struct cursor c = cur_init(rpc_slice(m->row->envelope));
    _cleanup_(build_done) struct builder text = {0};
    bool there = false;

    build_init(&text, ENVELOPE_TEXT_MAX);
    cur_byte(&c, '(', "an envelope");
    for (uint32_t i = 0; i <= key->bits; i++) {
        build_reset(&text);
        there = read_item(&c, m->a, &text);
        (void)cur_eat(&c, ' ');
    }
    return cur_ok(&c) && there && imap_search_holds(build_slice(&text), key->text);
}
