/* XCLIENT: a filter in front of this server says for which client it speaks. There is no RFC: the
 * command is Postfix's (its XCLIENT_README), and only networks that the listener names may use it.
 * Everybody else finds an unknown command.
 *
 * ADDR replaces the client's address in Received, in what the store keeps, and in the log; HELO the
 * name given with the next EHLO. NAME, PORT and PROTO are read and not used. LOGIN is not offered:
 * who has logged in is the store's to say. What was said before is forgotten, as after a new
 * connection, and so is what a client before has done wrong.
 *
 * The limits per address count the filter: what they limit (connections, and those that are open)
 * is its doing and was counted before it named anybody; and nobody logs in on port 25. */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/num.h"
#include "smtp/command.h"
#include "smtp/session_private.h"

struct smtp_client {
    struct addr addr; /* ip_n 0: not told */
    char helo[SMTP_DOMAIN_MAX + 1];
};

void smtp_client_free(struct smtp_client *c)
{
    free(c);
}

const struct addr *smtp_client_addr(const struct smtp_client *c)
{
    return c != NULL && c->addr.ip_n > 0 ? &c->addr : NULL;
}

struct slice smtp_client_name(const struct smtp_client *c)
{
    return c != NULL ? slice_str(c->helo) : (struct slice){NULL, 0};
}

bool smtp_xclient_allowed(const struct smtp_session *s)
{
    for (size_t i = 0; i < s->listener->xclient_n; i++)
        if (network_holds(&s->listener->xclient[i], conn_remote(s->conn)))
            return !s->submission;
    return false;
}

static bool set_addr(struct smtp_client *c, struct slice value)
{
    struct err err;

    if (slice_starts_nocase(value, SLICE("IPV6:")))
        value = slice_from(value, 5);
    return addr_parse_ip(value, &c->addr, &err) == 0;
}

static bool set_helo(struct smtp_client *c, struct slice value)
{
    if (value.n >= sizeof(c->helo) || (!smtp_domain_valid(value) && !smtp_literal_valid(value)))
        return false;
    memcpy(c->helo, value.p, value.n);
    c->helo[value.n] = '\0';
    return true;
}

static bool check_port(struct smtp_client *c, struct slice value)
{
    uint64_t port;

    (void)c;
    return num_parse(value, UINT16_MAX, &port);
}

static bool check_proto(struct smtp_client *c, struct slice value)
{
    (void)c;
    return slice_eq_nocase(value, SLICE("SMTP")) || slice_eq_nocase(value, SLICE("ESMTP"));
}

static bool check_name(struct smtp_client *c, struct slice value)
{
    (void)c;
    return smtp_domain_valid(value);
}

static const struct {
    struct slice name;
    bool (*set)(struct smtp_client *c, struct slice value);
} attributes[] = {
    {SLICE_INIT("ADDR"), set_addr},     {SLICE_INIT("HELO"), set_helo},
    {SLICE_INIT("NAME"), check_name},   {SLICE_INIT("PORT"), check_port},
    {SLICE_INIT("PROTO"), check_proto},
};

static bool is_attribute(int byte)
{
    return ascii_is_alpha(byte);
}

/* One " NAME=value" in xtext; false: not known, or a bad value. */
static bool take(struct arena *a, struct cursor *c, struct smtp_client *client)
{
    cur_byte(c, ' ', "space");
    struct slice name = cur_span(c, is_attribute, 1, "attribute");

    cur_byte(c, '=', "=");
    struct slice encoded = slice_sub(cur_rest(c), 0, slice_find_byte(cur_rest(c), ' ')), value;

    (void)cur_take(c, encoded.n, "value");
    if (!cur_ok(c) || !smtp_xtext_decode(a, encoded, &value))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
        if (slice_eq_nocase(name, attributes[i].name))
            return slice_eq_nocase(value, SLICE("[UNAVAILABLE]")) ||
                   slice_eq_nocase(value, SLICE("[TEMPUNAVAIL]")) ||
                   attributes[i].set(client, value);
    return false;
}

enum smtp_next smtp_cmd_xclient(struct smtp_session *s, struct slice args)
{
    struct cursor c = cur_init(args);
    struct smtp_client client = {0};
    char ip[ADDR_TEXT_MAX];

    if (s->told != NULL)
        client = *s->told;
    do {
        if (!take(conn_arena(s->conn), &c, &client))
            return smtp_say(s, 501, "5.5.4", "bad or unknown attribute");
    } while (!cur_at_end(&c));
    if (s->told == NULL)
        s->told = calloc(1, sizeof(*s->told));
    if (s->told == NULL)
        return smtp_say(s, 451, "4.3.0", "out of memory");
    *s->told = client;
    smtp_session_restart(s);
    conn_set_slow(s->conn, false);
    s->unknown = s->bad_commands = s->bad_transactions = s->good_transactions = 0;
    log_event(conn_env(s->conn)->log, LOG_INFO, "smtp", conn_id(s->conn), "client named by filter",
              LOG_STR("remote", addr_ip_text(smtp_remote(s), ip)));
    smtp_greet(s);
    return SMTP_FLUSH;
}
