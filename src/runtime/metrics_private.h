/* What the files of the metrics share: metrics_table.c has the families, metrics.c the segments,
 * metrics_render.c the text. */
#pragma once

#include <stdatomic.h>

#include "runtime/metrics.h"

#define METRIC_LABELS_MAX 4

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum metric_label_type {
    METRIC_LABEL_NONE,
    METRIC_LABEL_WORD,  /* one of `words`, else the last of them */
    METRIC_LABEL_CODE,  /* up to three digits */
    METRIC_LABEL_ECODE, /* "5.7.1" */
};

struct metric_label {
    const char *name;
    enum metric_label_type type;
    const char *const *words;
    size_t words_n;
};

struct metric_bucket {
    int64_t max; /* in the unit of the values */
    const char *text;
};

struct metric_row {
    const char *name;
    enum metric_type type;
    const char *help;
    struct metric_label labels[METRIC_LABELS_MAX]; /* the first unused one ends them */
    size_t slots;                                  /* combinations of labels; 1 without labels */
    const struct metric_bucket *buckets;           /* ascending, without +Inf */
    size_t buckets_n;
    int64_t unit; /* values of one unit of the text; 1 unless said */
};

extern const struct metric_row metric_rows[METRIC_COUNT];

/* A slot: its key, then its values. Key: 16 bits for each label, from 1; 0: the slot is unused.
 * Values: one number, or the buckets (not cumulative), the rest, and the sum. */
struct metrics {
    _Atomic uint64_t *words;
    size_t offset[METRIC_COUNT]; /* of the family's first slot */
};

size_t metric_labels_n(const struct metric_row *row);
size_t metric_width(const struct metric_row *row); /* values in a slot */
static inline size_t metric_slot_words(const struct metric_row *row)
{
    return 1 + metric_width(row);
}
static inline _Atomic uint64_t *metric_slot(const struct metrics *m, enum metric which, size_t i)
{
    return m->words + m->offset[which] + i * metric_slot_words(&metric_rows[which]);
}
/* The slot of a key, made when it is new; NULL when the family is full. */
_Atomic uint64_t *metric_slot_of(struct metrics *m, enum metric which, uint64_t key);
/* Private memory in the form of a segment; released with metrics_unmap. NULL: out of memory. */
struct metrics *metrics_new_private(void);
