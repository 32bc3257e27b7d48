/* Load on an SMTP server: `connections` threads share `messages` deliveries of random sizes and
 * report the time from the last octet of the message to the answer.
 *
 *   bench_smtp --port 2025 --tls starttls --connections 20 --messages 10000 --size-max 76800 */
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/builder.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/num.h"
#include "base/secret.h"
#include "session.h"

#define BODIES 64u
#define TEXT_ONLY_MAX (20u * 1024)
#define TEXT_BESIDE_ATTACHMENT (4u * 1024)

struct shared {
    struct options o;
    SSL_CTX *tls;
    atomic_uint left;
    struct samples message, connect;
    atomic_ullong bytes;
    struct builder bodies[BODIES];
};

static bool open_session(struct client *c, struct shared *s)
{
    int64_t start = clock_mono_ns();

    if (!session_smtp(c, &s->o, s->o.port, s->o.tls, s->tls))
        return false;
    samples_add(&s->connect, start);
    return true;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(random_u64() % n);
}

static void add_words(struct builder *b, size_t end)
{
    static const char words[][12] = {
        "the",    "meeting", "of",      "invoice",  "and",     "please", "to",    "attached",
        "report", "in",      "we",      "schedule", "regards", "for",    "offer", "customer",
        "is",     "number",  "payment", "tomorrow", "version", "server", "you",   "thanks",
    };

    while (b->n < end) {
        for (unsigned i = 0; i < 10; i++)
            build_printf(b, "%s ", words[below(ARRAY_SIZE(words))]);
        build_printf(b, "%u\r\n", below(100000));
    }
}

static void add_attachment(struct builder *b, size_t end)
{
    uint8_t octets[57];

    while (b->n < end) {
        random_bytes(octets, sizeof(octets));
        encode_base64(b, slice_of(octets, sizeof(octets)));
        build_text(b, "\r\n");
    }
}

/* Sizes are as likely between 1 and 2 KiB as between 32 and 64. Up to 20 KiB a message is text;
 * above, all but 4 KiB is a base64 attachment of random octets. */
static void build_body(struct builder *b, const struct options *o, double part)
{
    size_t size = (size_t)(o->size_min * pow((double)o->size_max / o->size_min, part));

    if (size <= TEXT_ONLY_MAX) {
        build_text(b, "\r\n");
        add_words(b, size);
    } else {
        build_text(b, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bound\r\n\r\n"
                      "--bound\r\n\r\n");
        add_words(b, TEXT_BESIDE_ATTACHMENT);
        build_text(b, "--bound\r\nContent-Type: application/pdf; name=a.pdf\r\n"
                      "Content-Transfer-Encoding: base64\r\n\r\n");
        add_attachment(b, size);
        build_text(b, "--bound--\r\n");
    }
    build_text(b, ".\r\n");
}

/* Made before the clock starts, so that the generator costs the machine little. */
static bool build_bodies(struct shared *s)
{
    for (unsigned i = 0; i < BODIES; i++) {
        build_init(&s->bodies[i], (size_t)s->o.size_max + 4096);
        build_body(&s->bodies[i], &s->o, (i + 0.5) / BODIES);
        if (!build_ok(&s->bodies[i]))
            return false;
    }
    return true;
}

static void build_message(struct builder *b, const struct shared *s)
{
    uint64_t number = random_u64();

    build_reset(b);
    build_printf(b,
                 "From: <%s>\r\nTo: <%s>\r\nSubject: load %u\r\n"
                 "Message-ID: <%016llx@bench.example>\r\n",
                 s->o.from, s->o.to, (unsigned)(number % 1000), (unsigned long long)number);
    build_bytes(b, build_slice(&s->bodies[number % BODIES]));
}

/* MAIL, the RCPTs and DATA travel together, as RFC 2920 clients send them. */
static void build_envelope(struct builder *b, const struct options *o)
{
    size_t mark = slice_find(slice_str(o->to), SLICE("%u"));

    build_reset(b);
    build_printf(b, "MAIL FROM:<%s>\r\n", o->from);
    for (uint32_t i = 0; i < o->recipients; i++) {
        if (mark == SIZE_MAX)
            build_printf(b, "RCPT TO:<%s>\r\n", o->to);
        else
            build_printf(b, "RCPT TO:<%.*s%u%s>\r\n", (int)mark, o->to, i, o->to + mark + 2);
    }
    build_text(b, "DATA\r\n");
}

static bool send_message(struct client *c, struct shared *s, struct builder *b)
{
    const struct options *o = &s->o;

    build_envelope(b, o);
    if (!build_ok(b) || !client_write(c, build_slice(b)))
        return false;
    for (uint32_t i = 0; i < 1 + o->recipients; i++)
        if (client_smtp(c, NULL) != 250)
            return false;
    build_message(b, s);
    if (client_smtp(c, NULL) != 354 || !build_ok(b) || !client_write(c, build_slice(b)))
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
    build_init(&b, (size_t)s->o.size_max + 8192);
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
    if (!s.tls || !build_bodies(&s))
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
    for (unsigned i = 0; i < BODIES; i++)
        build_done(&s.bodies[i]);
    return ok ? 0 : 1;
}
