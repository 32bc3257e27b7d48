/* EHLO and HELO (RFC 5321 4.1.1.1), and the extensions that are offered. */
#include "base/builder.h"
#include "base/num.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

static bool always(const struct smtp_session *s)
{
    (void)s;
    return true;
}

static bool starttls_possible(const struct smtp_session *s)
{
    return conn_tls_available(s->conn) && !conn_tls(s->conn).on;
}

/* Keywords in the order in which they are said; `size` is followed by the maximum. */
static const struct extension {
    const char *text;
    bool (*offered)(const struct smtp_session *s);
    bool size;
} extensions[] = {
    {"PIPELINING", always, false},          {"SIZE ", always, true},
    {"STARTTLS", starttls_possible, false}, {"AUTH PLAIN LOGIN", smtp_auth_allowed, false},
    {"ENHANCEDSTATUSCODES", always, false}, {"8BITMIME", always, false},
    {"LIMITS RCPTMAX=1000", always, false},
};
_Static_assert(SMTP_RECIPIENTS_MAX == 1000, "LIMITS says otherwise");

static bool is_name_octet(int byte)
{
    return byte > ' ' && byte < 0x7f;
}

/* ehlo: "EHLO" SP ( Domain / address-literal ), helo: "HELO" SP Domain. */
static struct slice parse_name(struct cursor *c, bool extended)
{
    cur_byte(c, ' ', "space and a domain");
    struct slice name = cur_span(c, is_name_octet, 1, "domain");
    bool literal = slice_at(name, 0) == '[';

    if (!cur_ok(c))
        return name;
    if (literal ? !extended || !smtp_literal_valid(name) : !smtp_domain_valid(name))
        cur_reject(c, "domain or address literal");
    if (literal && cur_peek(c) == ' ') /* some say more about themselves */
        (void)cur_take(c, cur_rest(c).n, "text");
    smtp_args_end(c, true);
    return name;
}

static bool remember(struct smtp_session *s, struct slice name, bool extended)
{
    if (!smtp_session_set_text(&s->peer, name))
        return false;
    smtp_session_reset(s);
    s->greeted = true;
    s->extended = extended;
    return true;
}

/* False: was answered, with *next_out. */
static bool greet(struct smtp_session *s, struct slice args, bool extended,
                  enum smtp_next *next_out)
{
    struct cursor c = cur_init(args);
    char ip[ADDR_TEXT_MAX];
    struct slice name;

    if (s->submission) {
        /* Mail clients say all kinds of things here, and it is used for nothing. */
        name = slice_str(addr_ip_text(conn_remote(s->conn), ip));
    } else {
        name = parse_name(&c, extended);
        if (!cur_ok(&c)) {
            *next_out = smtp_say_syntax(s, &c);
            return false;
        }
    }
    if (!remember(s, name, extended)) {
        *next_out = smtp_say(s, 451, "4.3.0", "out of memory");
        return false;
    }
    s->bad_commands = 0;
    return true;
}

enum smtp_next smtp_cmd_helo(struct smtp_session *s, struct slice args)
{
    enum smtp_next next = SMTP_FLUSH;

    if (greet(s, args, false, &next))
        conn_printf(s->conn, "250 %.*s\r\n", SLICE_FMT(smtp_settings(s)->hostname));
    return next;
}

enum smtp_next smtp_cmd_ehlo(struct smtp_session *s, struct slice args)
{
    const struct edge_settings *settings = smtp_settings(s);
    enum smtp_next next = SMTP_FLUSH;
    size_t last = ARRAY_SIZE(extensions) - 1;

    if (!greet(s, args, true, &next))
        return next;
    conn_printf(s->conn, "250-%.*s\r\n", SLICE_FMT(settings->hostname));
    for (size_t i = 0; i <= last; i++) {
        const struct extension *e = &extensions[i];

        if (!e->offered(s))
            continue;
        if (e->size)
            conn_printf(s->conn, "250-%s%llu\r\n", e->text,
                        (unsigned long long)settings->message_size_max);
        else
            conn_printf(s->conn, "250%c%s\r\n", i == last ? ' ' : '-', e->text);
    }
    return next;
}
