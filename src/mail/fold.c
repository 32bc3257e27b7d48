/* A word is written when the next one comes: only then it is known what follows it directly. */
#include "mail/fold.h"

#define COLUMNS 78
#define TAB_COLUMNS 8
#define FIELD_MAX (256u * 1024)

void fold_init(struct fold *f, struct slice name)
{
    *f = (struct fold){.column = name.n};
    build_init(&f->out, FIELD_MAX);
    build_bytes(&f->out, name);
}

static void flush(struct fold *f)
{
    size_t n = f->word.n + f->more.n;

    if (n == 0)
        return;
    if (f->new_line || f->column + 1 + n > COLUMNS) {
        build_text(&f->out, "\r\n\t");
        f->column = TAB_COLUMNS + n;
    } else {
        build_byte(&f->out, ' ');
        f->column += 1 + n;
    }
    build_bytes(&f->out, f->word);
    build_bytes(&f->out, f->more);
    f->word = f->more = (struct slice){NULL, 0};
    f->new_line = false;
}

void fold_word(struct fold *f, struct slice word)
{
    flush(f);
    f->word = word;
}

void fold_line(struct fold *f)
{
    flush(f);
    f->new_line = true;
}

void fold_more(struct fold *f, struct slice text)
{
    f->more = text;
}

struct slice fold_end(struct fold *f, struct arena *a)
{
    struct slice field = {NULL, 0};

    flush(f);
    build_text(&f->out, "\r\n");
    if (build_ok(&f->out))
        field = arena_copy(a, build_slice(&f->out));
    build_done(&f->out);
    return field;
}
