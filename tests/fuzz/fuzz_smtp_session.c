/* fuzz: dep_smtp */
/* Whole sessions over a connection and a store made of memory. The first octet chooses service,
 * TLS and settings, the second a state to start from, the third how the input is cut. Laws: the
 * session makes progress or waits (the fake checks it), every reply line is complete, printable and
 * at most 512 octets long, and nothing is left behind. */
#include <stdlib.h>

/* Not a library: it takes the place of two layers. */
#include "../unit/smtp/fake_edge.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOGIN "AUTH PLAIN AGFubkBkMS5leGFtcGxlAHNlY3JldA==\r\n"

static const char *const starts[] = {
    "",
    "EHLO client.example\r\n",
    "EHLO client.example\r\nMAIL FROM:<remote@example.org>\r\n",
    "EHLO client.example\r\nMAIL FROM:<remote@example.org>\r\nRCPT TO:<ann@d1.example>\r\n",
    "EHLO client.example\r\nMAIL FROM:<remote@example.org>\r\nRCPT TO:<ann@d1.example>\r\nDATA\r\n",
    "EHLO client.example\r\nAUTH LOGIN\r\n",
    "EHLO client.example\r\n" LOGIN,
    "EHLO client.example\r\n" LOGIN
    "MAIL FROM:<ann@d1.example>\r\nRCPT TO:<bob@d1.example>\r\nDATA\r\n",
    "EHLO client.example\r\nMAIL FROM:<remote@example.org> BODY=BINARYMIME\r\n"
    "RCPT TO:<ann@d1.example>\r\nBDAT 8\r\nA: b\r\n\r\n",
};

static void check_output(struct slice out)
{
    while (out.n > 0) {
        size_t n = slice_find(out, SLICE("\r\n"));

        if (n == SIZE_MAX || n > 510 || n < 4 || (out.p[3] != ' ' && out.p[3] != '-'))
            abort();
        for (size_t i = 0; i < n; i++)
            if (out.p[i] < 0x20 || out.p[i] > 0x7e)
                abort();
        out = slice_from(out, n + 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct network everybody = {.addr = {.ip_n = 4}};
    static struct fake f;

    if (size < 3)
        return 0;
    fake_init(&f);
    f.settings.message_size_max = 4096;
    f.tls_available = (data[0] & 2) != 0;
    f.settings.plain_auth = (data[0] & 4) == 0;
    f.spool_fails = (data[0] & 8) != 0;
    f.settings.pedantic = (data[0] & 16) != 0;
    f.settings.refuse_long_lines = (data[0] & 32) != 0;
    f.listener.dsn = (data[0] & 64) != 0;
    f.listener.xclient = &everybody;
    f.listener.xclient_n = data[0] & 128 ? 1 : 0;
    fake_open(&f, data[0] & 1 ? EDGE_SUBMISSION : EDGE_SMTP);
    fake_send(&f, slice_str(starts[data[1] % (sizeof(starts) / sizeof(starts[0]))]), SIZE_MAX);
    fake_send(&f, slice_of(data + 3, size - 3), 1u + data[2]);
    check_output(build_slice(&f.output));
    fake_done(&f);
    if (f.sessions != 0 || f.watches != 0)
        abort();
    return 0;
}
