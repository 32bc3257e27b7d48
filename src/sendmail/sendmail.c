/* The order matters: configuration and keys are read with the rights that the program may have been
 * given (setgid), which are gone before the first octet of the message is read. Nothing has been
 * taken from standard input when an error ends the program before that; afterwards nothing is lost:
 * a message is with the server, or in a file, or on standard error. */
#include "sendmail/sendmail.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/secret.h"
#include "sendmail/dead_letter.h"
#include "sendmail/submit.h"
#include "smtp/path.h"

#define ARENA_MAX ((size_t)1 << 30)
#define FALLBACK "/var/tmp/godwit-dead-letters-"

struct run {
    struct arena arena;
    struct sendmail_options options;
    struct sendmail_settings settings;
    const char *home;
    struct slice name; /* of the user, for From */
    struct builder input;
    struct compose_message message;
    struct smtpc_recipient *recipients;
};

static int complain(int status, const struct err *err)
{
    (void)fprintf(stderr, "godwit sendmail: %s\n",
                  err->detail[0] && err->kind != ERR_INVALID ? err->detail : err->text);
    return status;
}

static const char usage[] =
    "usage: sendmail [-tiv] [-f SENDER] [-F NAME] [-N WHEN] [-R full|hdrs] [-V ID] [-C FILE]\n"
    "                [RECIPIENT...]\n"
    "Sends the message on standard input. See godwit-sendmail(1).\n";

/* ---- who asks ---- */

/* The full name is the first part of GECOS, in which "&" stands for the login name. */
static struct slice full_name(struct arena *a, const struct passwd *pw)
{
    struct slice gecos = slice_str(pw->pw_gecos);

    gecos = slice_sub(gecos, 0, slice_find_byte(gecos, ','));
    return slice_find_byte(gecos, '&') == SIZE_MAX ? arena_copy(a, gecos) : SLICE("");
}

static void look_up_user(struct run *r)
{
    bool trusted = getegid() == getgid() && geteuid() == getuid();
    const char *home = trusted ? getenv("HOME") : NULL;
    const struct passwd *pw = getpwuid(getuid());

    if (home && *home)
        r->home = arena_str(&r->arena, slice_str(home));
    else if (pw)
        r->home = arena_str(&r->arena, slice_str(pw->pw_dir));
    if (r->options.name)
        r->name = slice_str(r->options.name);
    else if (pw)
        r->name = full_name(&r->arena, pw);
}

static bool drop_rights(void)
{
    return setresgid(getgid(), getgid(), getgid()) == 0 &&
           setresuid(getuid(), getuid(), getuid()) == 0;
}

static int read_settings(struct run *r)
{
    bool privileged = getegid() != getgid() || geteuid() != getuid();
    const char *path = r->options.config;
    struct err err = {0};

    if (path && privileged) {
        (void)err_set(&err, ERR_DENIED, "-C is refused to a program with more rights than yours");
        return complain(EX_NOPERM, &err);
    }
    /* A file of the user must not name what only the program may read. */
    if (privileged)
        path = SENDMAIL_CONFIG;
    if (sendmail_settings_read(&r->arena, path, r->home, &r->settings, &err) < 0)
        return complain(EX_CONFIG, &err);
    if (!drop_rights()) {
        sendmail_settings_done(&r->settings);
        (void)err_set(&err, ERR_INTERNAL, "cannot give up rights");
        return complain(EX_OSERR, &err);
    }
    return EX_OK;
}

/* ---- the message ---- */

static int read_input(struct run *r)
{
    struct err err = {0};
    ssize_t n = 1;

    while (n != 0) {
        uint8_t *room = build_reserve(&r->input, 65536);

        if (!room) {
            (void)err_set(&err, ERR_LIMIT, "the message is too large");
            return complain(EX_DATAERR, &err);
        }
        n = read(STDIN_FILENO, room, 65536);
        if (n < 0 && errno != EINTR) {
            (void)err_errno(&err, errno, "cannot read the message");
            return complain(EX_IOERR, &err);
        }
        build_advance(&r->input, n > 0 ? (size_t)n : 0);
    }
    return EX_OK;
}

static struct compose_input input_of(const struct run *r)
{
    struct compose_input in = {
        .text = build_slice(&r->input),
        .ignore_dots = r->options.ignore_dots,
        .from_header = r->options.from_header,
        .from = r->settings.from,
        .name = r->name,
        .allowed = r->settings.allowed,
        .allowed_n = r->settings.allowed_n,
        .default_destination = r->settings.default_destination,
        .recipients = r->options.recipients,
        .recipients_n = r->options.recipients_n,
        .tls_optional = r->settings.require_tls == SENDMAIL_REQUIRE_NO,
        .now_s = clock_now_s(&(const struct clock){0}),
    };

    random_bytes(in.random, sizeof(in.random));
    return in;
}

/* -f within what the configuration allows; "<>" and "" are the null sender. */
static struct slice sender_of(const struct run *r, const struct compose_input *in)
{
    struct slice sender = slice_str(r->options.sender);

    if (!r->options.sender)
        return in->from;
    if (slice_at(sender, 0) == '<' && slice_at(sender, sender.n - 1) == '>')
        sender = slice_sub(sender, 1, sender.n - 2);
    return sender.n == 0 || compose_may_use(in, sender) ? sender : in->from;
}

/* ---- what became of it ---- */

static int status_of(const struct smtpc_outcome *o)
{
    if (o->state == SMTPC_TAKEN)
        return EX_OK;
    if (strcmp(o->command, "AUTH") == 0)
        return o->state == SMTPC_PERMANENT ? EX_NOPERM : EX_TEMPFAIL;
    if (o->state == SMTPC_TEMPORARY)
        return EX_TEMPFAIL;
    if (o->reason != SMTPC_BY_REPLY)
        return EX_DATAERR;
    if (strcmp(o->command, "RCPT") == 0)
        return strcmp(o->ecode, "1.2") == 0 ? EX_NOHOST : EX_NOUSER;
    return EX_UNAVAILABLE;
}

static void describe(const struct smtpc_recipient *r, struct builder *out)
{
    build_bytes(out, r->address);
    build_text(out, ": ");
    if (r->outcome.code)
        build_printf(out, "%u ", r->outcome.code);
    if (r->outcome.ecode[0])
        build_printf(out, "%u.%s ", r->outcome.code / 100, r->outcome.ecode);
    for (size_t i = 0; i < r->outcome.text.n; i++)
        build_byte(out, r->outcome.text.p[i] == '\n' ? ' ' : r->outcome.text.p[i]);
}

/* Fields in front of the message: enough to send it again by hand. */
static void write_note(const struct run *r, struct slice sender, struct builder *note)
{
    build_printf(note, "X-Dead-Letter-From: <%.*s>\r\n", SLICE_FMT(sender));
    for (size_t i = 0; i < r->message.recipients_n; i++) {
        const struct smtpc_recipient *v = &r->recipients[i];

        if (v->outcome.state == SMTPC_TAKEN)
            continue;
        build_printf(note,
                     "X-Dead-Letter-To: <%.*s>\r\nX-Dead-Letter-Reason: ", SLICE_FMT(v->address));
        describe(v, note);
        build_text(note, "\r\n");
    }
}

static void keep(struct run *r, struct slice sender)
{
    struct slice message = build_slice(&r->message.wire);
    const int64_t now_s = clock_now_s(&(const struct clock){0});
    char path[DEAD_LETTER_PATH_MAX], fallback[80];
    struct builder note;
    struct err err = {0};

    (void)snprintf(fallback, sizeof(fallback), FALLBACK "%u", (unsigned)getuid());
    const char *const places[] = {r->settings.dead_letters, fallback};

    build_init(&note, COMPOSE_MESSAGE_MAX);
    write_note(r, sender, &note);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        if (dead_letter_write(places[i], build_slice(&note), message, now_s, path, &err) == 0) {
            (void)fprintf(stderr, "godwit sendmail: the message is in %s\n", path);
            build_done(&note);
            return;
        }
        (void)complain(EX_CANTCREAT, &err);
    }
    (void)fprintf(stderr, "godwit sendmail: the message could not be kept; here it is:\n");
    (void)fwrite(note.p, 1, note.n, stderr);
    (void)fwrite(message.p, 1, message.n, stderr);
    build_done(&note);
}

static int report(struct run *r, struct slice sender)
{
    struct builder line;
    int status = EX_OK;

    build_init(&line, COMPOSE_MESSAGE_MAX);
    for (size_t i = 0; i < r->message.recipients_n; i++) {
        const struct smtpc_recipient *v = &r->recipients[i];
        int own = status_of(&v->outcome);

        build_reset(&line);
        describe(v, &line);
        if (own != EX_OK || r->options.verbose)
            (void)fprintf(stderr, "godwit sendmail: %.*s\n", SLICE_FMT(build_slice(&line)));
        /* Whoever may try again is told so, unless something else is final. */
        if (own != EX_OK && (status == EX_OK || status == EX_TEMPFAIL))
            status = own;
    }
    build_done(&line);
    if (status != EX_OK)
        keep(r, sender);
    return status;
}

static int send_message(struct run *r)
{
    const struct compose_input in = input_of(r);
    struct builder envid;
    struct err err = {0};

    if (compose(&r->arena, &in, &r->message, &err) < 0)
        return complain(EX_DATAERR, &err);
    r->recipients = ARENA_ARRAY(&r->arena, r->message.recipients_n, struct smtpc_recipient);
    if (!r->recipients)
        return complain(EX_OSERR, &err);
    for (size_t i = 0; i < r->message.recipients_n; i++)
        r->recipients[i] = (struct smtpc_recipient){.address = r->message.recipients[i],
                                                    .notify = r->options.notify};
    build_init(&envid, 1000);
    smtp_xtext_encode(&envid, slice_str(r->options.envid));
    const struct submit_job job = {
        .settings = &r->settings,
        .message = &r->message,
        .sender = sender_of(r, &in),
        .notify = r->options.notify,
        .ret = r->options.ret,
        .envid = build_slice(&envid),
        .arena = &r->arena,
    };

    if (r->options.sender && slice_eq(job.sender, in.from) && r->options.verbose)
        (void)fprintf(stderr, "godwit sendmail: the sender is %.*s\n", SLICE_FMT(in.from));
    submit(&job, r->recipients, r->message.recipients_n);
    build_done(&envid);
    return report(r, job.sender);
}

static int run(struct run *r)
{
    look_up_user(r);
    int status = read_settings(r);

    if (status != EX_OK)
        return status;
    status = read_input(r);
    if (status == EX_OK)
        status = send_message(r);
    compose_done(&r->message);
    sendmail_settings_done(&r->settings);
    return status;
}

int sendmail_main(int argc, char *const argv[])
{
    struct run r = {.home = NULL};
    int status;

    sendmail_options_parse(argc, argv, &r.options);
    if (r.options.problem[0]) {
        (void)fprintf(stderr, "godwit sendmail: %s\n%s", r.options.problem, usage);
        return EX_USAGE;
    }
    if (r.options.mode == SENDMAIL_HELP)
        return fputs(usage, stdout) < 0 ? EX_IOERR : EX_OK;
    if (r.options.mode == SENDMAIL_NOTHING) {
        (void)printf("There is no queue here: messages are sent at once.\n");
        return EX_OK;
    }
    arena_init(&r.arena, ARENA_MAX);
    build_init(&r.input, COMPOSE_MESSAGE_MAX);
    status = run(&r);
    build_done(&r.input);
    arena_done(&r.arena);
    return status;
}
