/* How soon a waiting client hears of new mail: one connection in IDLE, another one that delivers
 * `messages` messages one after the other. Times count from the last octet of a message, until its
 * "250", and until the waiting client has read EXISTS.
 *
 *   bench_notify --port 2993 --tls implicit --smtp-port 2025 --messages 200 */
#include <stdio.h>

#include "base/clock.h"
#include "session.h"

static bool send_message(struct client *smtp, const struct options *o, uint32_t number)
{
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "From: <%s>\r\nTo: <%s>\r\nSubject: notify %u\r\n"
                     "Message-ID: <%u.%lld@bench.example>\r\n\r\nHello.\r\n.\r\n",
                     o->from, o->to, number, number, (long long)clock_mono_ns());
    char mail[300], rcpt[300];

    (void)snprintf(mail, sizeof(mail), "MAIL FROM:<%s>", o->from);
    (void)snprintf(rcpt, sizeof(rcpt), "RCPT TO:<%s>", o->to);
    return client_smtp(smtp, mail) == 250 && client_smtp(smtp, rcpt) == 250 &&
           client_smtp(smtp, "DATA") == 354 && n > 0 && (size_t)n < sizeof(text) &&
           client_write(smtp, slice_of(text, (size_t)n));
}

static bool wait_for_exists(struct client *imap)
{
    struct slice line;

    do {
        if (!client_line(imap, &line))
            return false;
    } while (!slice_ends(line, SLICE(" EXISTS")));
    return true;
}

static bool run(struct client *imap, struct client *smtp, const struct options *o,
                struct samples *accepted, struct samples *notified)
{
    for (uint32_t i = 0; i < o->messages; i++) {
        if (!send_message(smtp, o, i))
            return false;
        int64_t start = clock_mono_ns();

        if (client_smtp(smtp, NULL) != 250)
            return false;
        samples_add(accepted, start);
        if (!wait_for_exists(imap))
            return false;
        samples_add(notified, start);
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct client imap, smtp;
    struct samples accepted, notified;
    struct options o;

    options_read(argc, argv, &o);
    SSL_CTX *tls = client_tls_new();

    samples_init(&accepted);
    samples_init(&notified);
    int64_t start = clock_mono_ns();
    bool ok = tls && session_imap(&imap, &o, tls) && session_wait(&imap, o.mailbox) &&
              session_smtp(&smtp, &o, o.smtp_port, CLIENT_PLAIN, tls) &&
              run(&imap, &smtp, &o, &accepted, &notified);
    double seconds = (double)(clock_mono_ns() - start) / (double)NS_PER_S;

    if (!ok)
        samples_error(&notified);
    (void)printf("{\"bench\":\"notify\",\"seconds\":%.3f,", seconds);
    samples_print(&accepted, "accepted", seconds);
    (void)printf(",");
    samples_print(&notified, "notified", seconds);
    (void)printf("}\n");
    client_close(&imap);
    client_close(&smtp);
    samples_done(&accepted);
    samples_done(&notified);
    SSL_CTX_free(tls);
    return ok ? 0 : 1;
}
