/* The exposition format of Prometheus, version 0.0.4. The sums are made in private memory of the
 * same form; a segment's octets are another process's, so a key that the table does not know is
 * left out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "runtime/metrics_private.h"

#define NAME_PREFIX "godwit_"

struct rendered_slot {
    uint64_t key;
    _Atomic uint64_t *values;
};

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static bool label_is_known(const struct metric_label *label, uint64_t number)
{
    switch (label->type) {
    case METRIC_LABEL_WORD:
        return number >= 1 && number <= label->words_n;
    case METRIC_LABEL_CODE:
        return number >= 1 && number <= 1001;
    case METRIC_LABEL_ECODE:
        return number >= 1 && number <= 10001;
    case METRIC_LABEL_NONE:
        break;
    }
    return false;
}

static uint64_t label_of_key(const struct metric_row *row, uint64_t key, size_t i)
{
    return key >> (16 * (metric_labels_n(row) - 1 - i)) & 0xffff;
}

static bool key_is_known(const struct metric_row *row, uint64_t key)
{
    size_t n = metric_labels_n(row);

    if (n == 0)
        return key == 1;
    if (n < METRIC_LABELS_MAX && key >> (16 * n) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!label_is_known(&row->labels[i], label_of_key(row, key, i)))
            return false;
    return true;
}

static void add_segment(struct metrics *total, const struct metrics *m)
{
    for (size_t f = 0; f < METRIC_COUNT; f++) {
        const struct metric_row *row = &metric_rows[f];

        for (size_t i = 0; i < row->slots; i++) {
            const _Atomic uint64_t *from = metric_slot(m, (enum metric)f, i);
            uint64_t key = load(from);
            _Atomic uint64_t *to =
                key_is_known(row, key) ? metric_slot_of(total, (enum metric)f, key) : NULL;

            for (size_t v = 1; to && v <= metric_width(row); v++)
                atomic_fetch_add_explicit(to + v, load(from + v), memory_order_relaxed);
        }
    }
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct rendered_slot *)a)->key, y = ((const struct rendered_slot *)b)->key;

    return (x > y) - (x < y);
}

/* Backslash, line feed, and in label values the quote. */
static void escaped(struct builder *out, const char *text, bool quote)
{
    for (; *text; text++) {
        if (*text == '\n') {
            build_text(out, "\\n");
            continue;
        }
        if (*text == '\\' || (quote && *text == '"'))
            build_byte(out, '\\');
        build_byte(out, (uint8_t)*text);
    }
}

static void label_value(struct builder *out, const struct metric_label *label, uint64_t number)
{
    if (label->type == METRIC_LABEL_WORD)
        escaped(out, label->words[number - 1], /* quote= */ true);
    else if (number > 1 && label->type == METRIC_LABEL_CODE)
        build_printf(out, "%03" PRIu64, number - 2);
    else if (number > 1)
        build_printf(out, "%" PRIu64 ".%" PRIu64 ".%" PRIu64, (number - 2) / 1000,
                     (number - 2) / 100 % 10, (number - 2) % 100);
}

/* {a="b",le="0.1"}; le NULL: without it. */
static void labels(struct builder *out, const struct metric_row *row, uint64_t key, const char *le)
{
    size_t n = metric_labels_n(row);

    if (n == 0 && !le)
        return;
    build_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        build_printf(out, "%s%s=\"", i > 0 ? "," : "", row->labels[i].name);
        label_value(out, &row->labels[i], label_of_key(row, key, i));
        build_byte(out, '"');
    }
    if (le)
        build_printf(out, "%sle=\"%s\"", n > 0 ? "," : "", le);
    build_byte(out, '}');
}

static void sample(struct builder *out, const struct metric_row *row, const char *suffix,
                   uint64_t key, const char *le)
{
    build_printf(out, NAME_PREFIX "%s%s", row->name, suffix);
    labels(out, row, key, le);
    build_byte(out, ' ');
}

static void histogram(struct builder *out, const struct metric_row *row,
                      const struct rendered_slot *slot)
{
    uint64_t count = 0, sum = load(slot->values + row->buckets_n + 1);
    uint64_t unit = (uint64_t)MAX(row->unit, 1);

    for (size_t i = 0; i <= row->buckets_n; i++) {
        count += load(slot->values + i);
        sample(out, row, "_bucket", slot->key, i < row->buckets_n ? row->buckets[i].text : "+Inf");
        build_printf(out, "%" PRIu64 "\n", count);
    }
    sample(out, row, "_sum", slot->key, NULL);
    if (unit == 1)
        build_printf(out, "%" PRIu64 "\n", sum);
    else
        build_printf(out, "%" PRIu64 ".%09" PRIu64 "\n", sum / unit, sum % unit);
    sample(out, row, "_count", slot->key, NULL);
    build_printf(out, "%" PRIu64 "\n", count);
}

static void render_slot(struct builder *out, const struct metric_row *row,
                        const struct rendered_slot *slot)
{
    if (row->type == METRIC_HISTOGRAM) {
        histogram(out, row, slot);
        return;
    }
    int64_t value = (int64_t)load(slot->values);

    sample(out, row, "", slot->key, NULL);
    /* A gauge of processes that replaced one another may be low for a while. */
    build_printf(out, "%" PRId64 "\n", row->type == METRIC_GAUGE ? MAX(value, 0) : value);
}

static void render_family(struct builder *out, struct metrics *total, enum metric which,
                          struct rendered_slot *slots)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct metric_row *row = &metric_rows[which];
    size_t n = 0;

    if (metric_labels_n(row) == 0) /* shown also while it is zero */
        (void)metric_slot_of(total, which, 1);
    for (size_t i = 0; i < row->slots; i++) {
        _Atomic uint64_t *slot = metric_slot(total, which, i);

        if (load(slot) != 0)
            slots[n++] = (struct rendered_slot){load(slot), slot + 1};
    }
    if (n > 1)
        qsort(slots, n, sizeof(*slots), by_key);
    build_printf(out, "# HELP " NAME_PREFIX "%s ", row->name);
    escaped(out, row->help, /* quote= */ false);
    build_printf(out, "\n# TYPE " NAME_PREFIX "%s %s\n", row->name, types[row->type]);
    for (size_t i = 0; i < n; i++)
        render_slot(out, row, &slots[i]);
}

static size_t slots_most(void)
{
    size_t most = 0;

    for (size_t i = 0; i < METRIC_COUNT; i++)
        most = MAX(most, metric_rows[i].slots);
    return most;
}

int metrics_render(const struct metrics_view *view, struct builder *out, struct err *err)
{
    struct metrics *total = metrics_new_private();
    struct rendered_slot *slots = calloc(slots_most(), sizeof(*slots));

    if (!total || !slots) {
        metrics_unmap(total);
        free(slots);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < view->n; i++)
        add_segment(total, view->segments[i]);
    for (size_t i = 0; i < METRIC_COUNT; i++)
        render_family(out, total, (enum metric)i, slots);
    metrics_unmap(total);
    free(slots);
    return build_ok(out) ? 0 : err_set(err, ERR_LIMIT, "the metrics are too long");
}
