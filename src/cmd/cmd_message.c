/* What the server sees in a message. Nothing but the file is opened; no server is needed. */
#include <errno.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/message_print.h"

#define CHUNK 65536

/* For programs of users: exit status 1 and what a submission would be refused for. */
static int judge(const struct mail_message *m, struct err *err)
{
    if (!m->strict)
        return 0;
    return err_set(err, ERR_SYNTAX, "%s, at offset %llu", mail_fault_text(m->strict->kind),
                   (unsigned long long)m->strict->at[0]);
}

static const struct mail_message *read_all(FILE *file, struct arena *a, struct err *err)
{
    static uint8_t chunk[CHUNK];
    struct mail_parser *p = mail_parser_new(a, err);
    size_t n;

    if (!p)
        return NULL;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        mail_parser_feed(p, slice_of(chunk, n));
    if (ferror(file)) {
        (void)err_errno(err, errno, "cannot read the message");
        mail_parser_free(p);
        return NULL;
    }
    const struct mail_message *m = mail_parser_finish(p);

    if (!m)
        (void)err_set(err, ERR_NOMEM, "out of memory");
    return m;
}

int cmd_message_parse(const struct invocation *in, struct err *err)
{
    bool standard = strcmp(in->args[0], "-") == 0;
    FILE *file = standard ? stdin : fopen(in->args[0], "rbe");
    struct arena a, scratch;

    if (!file)
        return err_errno(err, errno, "cannot open %s", in->args[0]);
    arena_init(&a, MAIL_ARENA_MAX);
    arena_init(&scratch, 16 * (size_t)MAIL_ARENA_MAX);
    const struct mail_message *m = read_all(file, &a, err);
    int rc = m ? 0 : -(int)err->kind;

    if (m) {
        int (*print)(struct arena * a, const struct mail_message *m, FILE *to) =
            in->flags[FLAG_JSON] ? message_print_json : message_print_tree;

        if (print(&scratch, m, stdout) < 0 || fflush(stdout) != 0)
            rc = err_set(err, ERR_IO, "cannot write the result");
        else if (in->flags[FLAG_STRICT])
            rc = judge(m, err);
    }
    arena_done(&scratch);
    arena_done(&a);
    if (!standard)
        (void)fclose(file);
    return rc;
}
