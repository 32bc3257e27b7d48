/* EHLO and HELO (RFC 5321 4.1.1.1), and the extensions that are offered. */
#include "base/builder.h"
#include "base/cleanup.h"
#include "base/clock.h"
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

static bool is_submission(const struct smtp_session *s)
{
    return s->submission;
}

/* RFC 8689 2: only over TLS. */
static bool requiretls_possible(const struct smtp_session *s)
{
    return !s->listener->no_require_tls && conn_tls(s->conn).on;
}

static void put_size(const struct smtp_session *s)
{
    conn_printf(s->conn, " %llu", (unsigned long long)smtp_settings(s)->message_size_max);
}

static bool auth_possible(const struct smtp_session *s)
{
    return s->submission && login_plain_allowed(s->listener, s->conn);
}

static void put_mechanisms(const struct smtp_session *s)
{
    _cleanup_(build_done) struct builder names = {0};

    build_init(&names, SMTP_LINE_MAX);
    login_announce(&names, s->listener, s->conn, &s->auth, "");
    conn_write(s->conn, build_slice(&names));
}

/* RFC 4865 3.2: the longest time, in seconds, and the date of its end. */
static void put_release(const struct smtp_session *s)
{
    struct clock_utc t =
        clock_utc_of(clock_now_s(conn_env(s->conn)->clock) + (int64_t)SMTP_HOLD_MAX_S);

    conn_printf(s->conn, " %d %04d-%02d-%02dT%02d:%02d:%02dZ", SMTP_HOLD_MAX_S, t.year, t.month,
                t.day, t.hour, t.minute, t.second);
}

/* Keywords in the order in which they are said; the last one is always offered. */
static const struct extension {
    const char *text;
    bool (*offered)(const struct smtp_session *s);
    void (*more)(const struct smtp_session *s); /* NULL: nothing behind the text */
} extensions[] = {
    {"PIPELINING", always, NULL},
    {"SIZE", always, put_size},
    {"STARTTLS", starttls_possible, NULL},
    {"REQUIRETLS", requiretls_possible, NULL},
    {"AUTH", auth_possible, put_mechanisms},
    {"FUTURERELEASE", is_submission, put_release},
    {"ENHANCEDSTATUSCODES", always, NULL},
    {"8BITMIME", always, NULL},
    {"CHUNKING", always, NULL},
    {"BINARYMIME", always, NULL},
    {"DSN", smtp_dsn_offered, NULL},
    {"LIMITS RCPTMAX=1000", always, NULL},
    {"XCLIENT NAME ADDR PORT PROTO HELO", smtp_xclient_allowed, NULL},
    {"SMTPUTF8", always, NULL},
};
_Static_assert(SMTP_RECIPIENTS_MAX == 1000, "LIMITS says otherwise");

static bool is_name_octet(int byte)
{
    return byte > ' ' && byte < 0x7f;
}

/* ehlo: "EHLO" SP ( Domain / address-literal ), helo: "HELO" SP Domain. */
static struct slice parse_name(struct cursor *c, bool extended, bool trailing_space)
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
    smtp_args_end(c, trailing_space);
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

    if (s->submission && !smtp_settings(s)->pedantic) {
        /* Mail clients say all kinds of things here, and it is used for nothing. */
        name = slice_str(addr_ip_text(smtp_remote(s), ip));
    } else {
        name = parse_name(&c, extended, smtp_trailing_space(s));
        if (!cur_ok(&c)) {
            *next_out = smtp_say_syntax(s, &c);
            return false;
        }
    }
    if (smtp_client_name(s->told).n > 0)
        name = smtp_client_name(s->told);
    struct smtp_reply reply = smtp_check_client_name(s, name);

    if (reply.code != 0) {
        *next_out = smtp_answer(s, &reply);
        return false;
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
        conn_printf(s->conn, "250%c%s", i == last ? ' ' : '-', e->text);
        if (e->more != NULL)
            e->more(s);
        conn_printf(s->conn, "\r\n");
    }
    return next;
}
