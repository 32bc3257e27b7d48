/* Load on an SMTP server: `connections` threads share `messages` deliveries of random sizes and
 * report the time from the last octet of the message to the answer.
 *
 *   bench_smtp --port 2025 --tls starttls --connections 20 --messages 10000 --size-max 76800 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/builder.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/secret.h"
#include "measure.h"

struct shared {
    struct options o;
    SSL_CTX *tls;
    atomic_uint left;
    struct samples message, connect;
    atomic_ullong bytes;
};

static uint32_t below(uint32_t n)
{
    return n ? (uint32_t)(random_u64() % n) : 0;
}

static bool login(struct client *c, const struct options *o)
{
    struct builder plain, command;
    bool ok;

    build_init(&plain, 1000);
    build_init(&command, 2000);
    build_byte(&plain, '\0');
    build_text(&plain, o->user);
    build_byte(&plain, '\0');
    build_text(&plain, o->password);
    build_text(&command, "AUTH PLAIN ");
    encode_base64(&command, build_slice(&plain));
    build_byte(&command, '\0');
    ok = build_ok(&command) && client_smtp(c, (const char *)command.p) == 235;
    build_done(&plain);
    build_done(&command);
    return ok;
}

/* auth: only the submission ports ask for it, and only with TLS. */
static bool open_session(struct client *c, struct shared *s)
{
    int64_t start = clock_mono_ns();
    const struct options *o = &s->o;

    if (!client_open(c, o->address, o->port))
        return false;
    if (o->tls == CLIENT_IMPLICIT && !client_start_tls(c, s->tls))
        return false;
    if (client_smtp(c, NULL) != 220 || client_smtp(c, "EHLO bench.example") != 250)
        return false;
    if (o->tls == CLIENT_STARTTLS &&
        (client_smtp(c, "STARTTLS") != 220 || !client_start_tls(c, s->tls) ||
         client_smtp(c, "EHLO bench.example") != 250))
        return false;
    if (o->port % 1000 != 25 && o->tls != CLIENT_PLAIN && !login(c, o))
        return false;
    samples_add(&s->connect, start);
    return true;
}

static void build_message(struct builder *b, const struct options *o)
{
    uint32_t size = o->size_min + below(o->size_max - o->size_min + 1);

    build_reset(b);
    build_printf(
        b,
        "From: <%s>\r\nTo: <%s>\r\nSubject: load %u\r\nMessage-ID: <%016llx@bench.example>\r\n\r\n",
        o->from, o->to, size, (unsigned long long)random_u64());
    while (b->n + 78 < size)
        build_printf(
            b, "%016llx lorem ipsum dolor sit amet consectetur adipiscing elit sed do %04x\r\n",
            (unsigned long long)random_u64(), below(65536));
    build_text(b, ".\r\n");
}

static bool send_message(struct client *c, struct shared *s, struct builder *b)
{
    const struct options *o = &s->o;
    char command[1024];

    build_message(b, o);
    (void)snprintf(command, sizeof(command), "MAIL FROM:<%s>", o->from);
    if (client_smtp(c, command) != 250)
        return false;
    for (uint32_t i = 0; i < o->recipients; i++) {
        size_t mark = slice_find(slice_str(o->to), SLICE("%u"));

        if (mark == SIZE_MAX)
            (void)snprintf(command, sizeof(command), "RCPT TO:<%s>", o->to);
        else
            (void)snprintf(command, sizeof(command), "RCPT TO:<%.*s%u%s>", (int)mark, o->to, i,
                           o->to + mark + 2);
        if (client_smtp(c, command) != 250)
            return false;
    }
    if (client_smtp(c, "DATA") != 354 || !build_ok(b) || !client_write(c, build_slice(b)))
        return false;
    int64_t start = clock_mono_ns();

    if (client_smtp(c, NULL) != 250)
        return false;
    samples_add(&s->message, start);
    atomic_fetch_add(&s->bytes, b->n);
    return true;
}

static bool take_one(struct shared *s)
{
    unsigned left = atomic_load(&s->left);

    while (left > 0)
        if (atomic_compare_exchange_weak(&s->left, &left, left - 1))
            return true;
    return false;
}

static void work(void *arg, uint32_t number)
{
    struct shared *s = arg;
    struct client *c = malloc(sizeof(*c));
    struct builder b;
    uint32_t sent = 0;
    bool open = false;

    (void)number;
    build_init(&b, (size_t)s->o.size_max + 1024);
    while (c && take_one(s)) {
        if (!open)
            open = open_session(c, s);
        if (!open || !send_message(c, s, &b)) {
            samples_error(&s->message);
            client_close(c);
            open = false;
        } else if (s->o.per_connection && ++sent % s->o.per_connection == 0) {
            (void)client_smtp(c, "QUIT");
            client_close(c);
            open = false;
        }
    }
    if (open) {
        (void)client_smtp(c, "QUIT");
        client_close(c);
    }
    build_done(&b);
    free(c);
}

int main(int argc, char **argv)
{
    static struct shared s;

    options_read(argc, argv, &s.o);
    raise_descriptor_limit();
    s.tls = client_tls_new();
    if (!s.tls)
        return 1;
    atomic_init(&s.left, s.o.messages);
    samples_init(&s.message);
    samples_init(&s.connect);
    int64_t start = clock_mono_ns();
    bool ok = run_threads(s.o.connections, work, &s);
    double seconds = (double)(clock_mono_ns() - start) / (double)NS_PER_S;

    (void)printf(
        "{\"bench\":\"smtp\",\"connections\":%u,\"recipients\":%u,\"tls\":%d,\"seconds\":%.3f,"
        "\"bytes\":%llu,",
        s.o.connections, s.o.recipients, (int)s.o.tls, seconds, (unsigned long long)s.bytes);
    samples_print(&s.message, "message", seconds);
    (void)printf(",");
    samples_print(&s.connect, "connect", seconds);
    (void)printf("}\n");
    ok = ok && s.message.errors == 0;
    samples_done(&s.message);
    samples_done(&s.connect);
    SSL_CTX_free(s.tls);
    return ok ? 0 : 1;
}
