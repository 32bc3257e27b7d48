/* A word is written when the next one comes: only then it is known what follows it directly. */
#include "mail/fold.h"

#define COLUMNS 78
#define TEXT_COLUMNS 76
#define TAB_COLUMNS 8
#define FIELD_MAX (256u * 1024)

void fold_init(struct fold *f, struct slice name)
{
    *f = (struct fold){.column = name.n, .columns = COLUMNS};
    build_init(&f->out, FIELD_MAX);
    build_bytes(&f->out, name);
}

void fold_init_text(struct fold *f, struct slice name)
{
    fold_init(f, name);
    f->columns = TEXT_COLUMNS;
    f->spaces = true;
}

static bool begins_line(const struct fold *f, size_t n)
{
    return f->new_line || f->column + 1 + n > f->columns;
}

/* The column behind a word of n octets. */
static size_t column_after(const struct fold *f, size_t n)
{
    if (!begins_line(f, n))
        return f->column + 1 + n;
    return (f->spaces ? 1 : TAB_COLUMNS) + n;
}

size_t fold_room(const struct fold *f)
{
    size_t n = f->word.n + f->more.n;
    size_t column = 1 + (n > 0 ? column_after(f, n) : f->column);

    return column < f->columns ? f->columns - column : 0;
}

static void flush(struct fold *f)
{
    size_t n = f->word.n + f->more.n;

    if (n == 0)
        return;
    if (begins_line(f, n))
        build_text(&f->out, f->spaces ? "\r\n " : "\r\n\t");
    else
        build_byte(&f->out, ' ');
    f->column = column_after(f, n);
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
