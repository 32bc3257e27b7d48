/* What sessions ask the DNS, over a scripted resolver: rows 35 and 148, and the name in Received.
 */
#include <stdio.h>

#include "base/num.h"
#include "fake_edge.h"
#include "scripted_dns.h"
#include "unit.h"

#define HELLO "EHLO client.example\r\n"
#define CLIENT "client.example A 127.0.0.10\n"
#define PTR "10.0.0.127.in-addr.arpa PTR "
#define MESSAGE                                                                                    \
    "MAIL FROM:<a@good.example>\r\nRCPT TO:<ann@d1.example>\r\nDATA\r\n"                           \
    "From: <a@good.example>\r\n\r\nbody\r\n.\r\n"

static const char zone[] = CLIENT "temporary.example * !fail\n"
                                  "bogus.example * !bogus\n"
                                  "six.example AAAA 2001:db8::1\n"
                                  "empty.example TXT nothing\n"
                                  "good.example MX 10 client.example\n"
                                  "null.example MX 0 .\n"
                                  "plain.example A 192.0.2.1\n"
                                  "plainfail.example A !fail\n"
                                  "plainfail.example MX\n"
                                  "absenttarget.example MX 10 none.example\n"
                                  "absenttarget.example MX 20 empty.example\n"
                                  "mixed.example MX 10 temporary.example\n"
                                  "mixed.example MX 20 six.example\n"
                                  "failtarget.example MX 10 temporary.example\n"
                                  "failtarget.example MX 20 none.example\n"
                                  "badtarget.example MX 10 a/b.example\n"
                                  "alias.example CNAME good.example\n";

static void talk(struct scripted_dns *script, enum edge_service service, const char *octets,
                 struct fake *f)
{
    fake_init(f);
    f->env.dns = script != NULL ? &script->dns : NULL;
    fake_open(f, service);
    build_reset(&f->output);
    fake_send(f, slice_str(octets), SIZE_MAX);
}

/* Row 35, and what else may stand after EHLO and HELO. */
static void names_of_clients(void **state)
{
    static const struct {
        const char *say;
        const char *code;
    } rows[] = {
        {"HELO no.such.example\r\n", "550 5.5.0"}, {"EHLO no.such.example\r\n", "550 5.5.0"},
        {"EHLO empty.example\r\n", "550 5.5.0"},   {"HELO temporary.example\r\n", "250 "},
        {"EHLO temporary.example\r\n", "250-"},    {"EHLO bogus.example\r\n", "250-"},
        {"HELO client.example\r\n", "250 "},       {"EHLO CLIENT.Example\r\n", "250-"},
        {"EHLO six.example\r\n", "250-"},          {"EHLO alias.example\r\n", "550 5.5.0"},
        {"EHLO [127.0.0.10]\r\n", "250-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scripted_dns script;
        struct fake f;

        scripted_dns_init(&script, zone);
        talk(&script, EDGE_SMTP, rows[i].say, &f);
        if (!slice_starts(build_slice(&f.output), slice_str(rows[i].code)))
            fail_msg("%s: %.*s", rows[i].say, SLICE_FMT(build_slice(&f.output)));
        assert_int_equal(script.prefetched, 1);
        fake_done(&f);
    }
}

/* RFC 5321 4.1.4: a refused EHLO leaves the state as it was. */
static void keeps_the_state(void **state)
{
    struct scripted_dns script;
    struct fake f;

    (void)state;
    scripted_dns_init(&script, zone);
    talk(&script, EDGE_SMTP, HELLO "MAIL FROM:<a@good.example>\r\nEHLO no.such.example\r\n", &f);
    build_reset(&f.output);
    fake_send(&f, SLICE("RCPT TO:<ann@d1.example>\r\n"), SIZE_MAX);
    assert_true(slice_starts(build_slice(&f.output), SLICE("250 2.1.5")));
    fake_done(&f);
}

/* Row 148, and what it leaves open. */
static void domains_of_senders(void **state)
{
    static const struct {
        const char *sender;
        const char *code;
    } rows[] = {
        {"a@null.example", "550 5.7.27"},      {"a@none.example", "550 5.7.27"},
        {"a@empty.example", "550 5.7.27"},     {"a@absenttarget.example", "550 5.7.27"},
        {"a@badtarget.example", "550 5.7.27"}, {"a@temporary.example", "451 4.4.0"},
        {"a@bogus.example", "451 4.4.0"},      {"a@plainfail.example", "451 4.4.0"},
        {"a@failtarget.example", "451 4.4.0"}, {"a@mixed.example", "250 2.1.0"},
        {"a@good.example", "250 2.1.0"},       {"a@plain.example", "250 2.1.0"},
        {"a@alias.example", "250 2.1.0"},      {"", "250 2.1.0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scripted_dns script;
        struct fake f;
        char line[256];

        scripted_dns_init(&script, zone);
        talk(&script, EDGE_SMTP, HELLO, &f);
        build_reset(&f.output);
        (void)snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", rows[i].sender);
        fake_send(&f, slice_str(line), SIZE_MAX);
        if (!slice_starts(build_slice(&f.output), slice_str(rows[i].code)))
            fail_msg("%s: %.*s", rows[i].sender, SLICE_FMT(build_slice(&f.output)));
        fake_done(&f);
    }
}

/* Many targets cost no more than so many questions. */
static void targets_max(void **state)
{
    struct scripted_dns script;
    struct builder text;
    struct fake f;

    (void)state;
    build_init(&text, 1 << 16);
    build_text(&text, CLIENT);
    for (int i = 0; i < 200; i++)
        build_printf(&text, "many.example MX %d t%d.example\n", i, i);
    build_byte(&text, '\0');
    scripted_dns_init(&script, (const char *)text.p);
    talk(&script, EDGE_SMTP, HELLO "MAIL FROM:<a@many.example>\r\n", &f);
    assert_true(slice_find(build_slice(&f.output), SLICE("550 5.7.27")) != SIZE_MAX);
    assert_int_equal(script.asked, 2 + 1 + 2 * 20);
    fake_done(&f);
    build_done(&text);
}

static void name_in_received(void **state)
{
    static const struct {
        const char *records;
        const char *received;
    } rows[] = {
        {PTR "host.example\nhost.example A 127.0.0.10\n", "(host.example [127.0.0.10])"},
        {PTR "other.example\n" PTR "host.example\nhost.example A 127.0.0.10\n",
         "(host.example [127.0.0.10])"},
        {PTR "other.example\n" PTR "host.example\n", "(other.example [127.0.0.10])"},
        {PTR "Client.example\n", "client.example ([127.0.0.10])"},
        {PTR "!fail\n", "client.example ([127.0.0.10])"},
        {"", "client.example ([127.0.0.10])"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scripted_dns script;
        struct fake f;
        char text[512];

        (void)snprintf(text, sizeof(text), CLIENT "good.example A 192.0.2.1\n%s", rows[i].records);
        scripted_dns_init(&script, text);
        talk(&script, EDGE_SMTP, HELLO MESSAGE, &f);
        assert_int_equal(f.stored, 1);
        if (slice_find(build_slice(&f.prefix), slice_str(rows[i].received)) == SIZE_MAX)
            fail_msg("%s: %.*s", rows[i].records, SLICE_FMT(build_slice(&f.prefix)));
        fake_done(&f);
    }
}

/* On submission, and where no names are looked up, nothing is asked. */
static void asks_nothing(void **state)
{
    struct scripted_dns script;
    struct fake f;

    (void)state;
    scripted_dns_init(&script, zone);
    talk(&script, EDGE_SUBMISSION,
         "EHLO no.such.example\r\nAUTH PLAIN AGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n"
         "MAIL FROM:<ann@d1.example>\r\nRCPT TO:<bob@d1.example>\r\nDATA\r\n"
         "From: <ann@d1.example>\r\n\r\nbody\r\n.\r\n",
         &f);
    assert_int_equal(f.stored, 1);
    assert_int_equal(script.asked + script.prefetched, 0);
    fake_done(&f);
    talk(NULL, EDGE_SMTP, "EHLO no.such.example\r\n" MESSAGE, &f);
    assert_int_equal(f.stored, 1);
    fake_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_clients),   cmocka_unit_test(keeps_the_state),
        cmocka_unit_test(domains_of_senders), cmocka_unit_test(targets_max),
        cmocka_unit_test(name_in_received),   cmocka_unit_test(asks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
