/* How fast messages are parsed, with facts for the store: one JSON line per kind of message. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "base/num.h"
#include "mail/message.h"
#include "mail/render.h"

#define SECONDS 1.0
#define CHUNK 16384

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void head(struct builder *b, const char *type)
{
    build_printf(b,
                 "Received: from a.example (a.example [192.0.2.1])\r\n"
                 "\tby b.example with ESMTPS id 4711\r\n\tfor <you@b.example>;\r\n"
                 "\tMon, 7 Feb 2022 21:52:25 -0800\r\n"
                 "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s;\r\n"
                 "\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
                 "\tb=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
                 "From: =?utf-8?q?J=C3=B6rg?= Somebody <joerg@a.example>\r\n"
                 "To: You <you@b.example>, Somebody Else <else@b.example>\r\n"
                 "Date: Mon, 7 Feb 2022 21:52:25 -0800\r\n"
                 "Subject: Re: [list] about the thing of yesterday\r\n"
                 "Message-ID: <1234@a.example>\r\nReferences: <1@b.example> <2@a.example>\r\n"
                 "MIME-Version: 1.0\r\nContent-Type: %s\r\n",
                 type);
}

static void lines(struct builder *b, size_t octets, const char *line)
{
    for (size_t end = b->n + octets; b->n < end;)
        build_text(b, line);
}

static void text_mail(struct builder *b)
{
    head(b, "text/plain; charset=utf-8\r\n");
    lines(b, 3 * 1024 - b->n, "Words that somebody wrote on one line of an ordinary message.\r\n");
}

static void newsletter(struct builder *b)
{
    head(b, "multipart/alternative; boundary=\"=-boundary-1\"\r\n");
    build_text(b, "--=-boundary-1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
    lines(b, 3000, "Buy more of what you do not need, today at half the price!\r\n");
    build_text(b, "--=-boundary-1\r\nContent-Type: text/html; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                  "<html><head><style>p {margin: 0}</style></head><body>\r\n");
    lines(b, 17 * 1024 - b->n,
          "<tr><td style=3D\"font-family: sans-serif; font-size: 12px\"><p><b>More</b> =\r\n"
          "offers f=C3=BCr you &amp; yours</p></td></tr>\r\n");
    build_text(b, "--=-boundary-1--\r\n");
}

static void attachment(struct builder *b)
{
    head(b, "multipart/mixed; boundary=\"=-boundary-1\"\r\n");
    build_text(b, "--=-boundary-1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                  "See there.\r\n--=-boundary-1\r\nContent-Type: image/jpeg; name=x.jpg\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n");
    lines(b, 75 * 1024 - b->n,
          "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkI\r\n");
    build_text(b, "--=-boundary-1--\r\n");
}

static void parse_once(struct arena *a, struct slice in, struct builder *out)
{
    struct err err;
    struct mail_parser *p = mail_parser_new(a, &err);

    if (!p)
        abort();
    for (size_t at = 0; at < in.n; at += CHUNK)
        mail_parser_feed(p, slice_sub(in, at, CHUNK));
    const struct mail_message *m = mail_parser_finish(p);

    if (!m)
        abort();
    build_reset(out);
    render_envelope(out, m->root->envelope, false);
    render_envelope(out, m->root->envelope, true);
    render_bodystructure(out, m->root);
    render_parts(out, m->root);
    arena_reset(a);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*build)(struct builder *b);
    } kinds[] = {{"text", text_mail}, {"newsletter", newsletter}, {"attachment", attachment}};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct builder b, out;
        struct arena a;
        size_t n = 0;

        build_init(&b, 1 << 20);
        build_init(&out, 1 << 20);
        arena_init(&a, MAIL_ARENA_MAX);
        kinds[i].build(&b);
        double start = now(), spent = 0;

        for (; spent < SECONDS; spent = now() - start)
            for (size_t j = 0; j < 100; j++, n++)
                parse_once(&a, build_slice(&b), &out);
        printf(
            "{\"bench\":\"parse\",\"message\":\"%s\",\"octets\":%zu,\"us\":%.1f,\"mb_s\":%.0f}\n",
            kinds[i].name, b.n, spent / (double)n * 1e6, (double)b.n * (double)n / spent / 1e6);
        build_done(&b);
        build_done(&out);
        arena_done(&a);
    }
    return 0;
}
