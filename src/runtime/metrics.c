/* Segments, and counting in them. A slot is found by open addressing from a hash of its key; it is
 * taken by exchanging its zero key, and never given back, so whoever reads a key may use its values
 * at once. */
#include "runtime/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "runtime/metrics_private.h"

/* ---- layout ---- */

size_t metric_labels_n(const struct metric_row *row)
{
    size_t n = 0;

    while (n < METRIC_LABELS_MAX && row->labels[n].type != METRIC_LABEL_NONE)
        n++;
    return n;
}

size_t metric_width(const struct metric_row *row)
{
    return row->type == METRIC_HISTOGRAM ? row->buckets_n + 2 : 1;
}

static size_t lay_out(size_t offset[METRIC_COUNT])
{
    size_t words = 0;

    for (size_t i = 0; i < METRIC_COUNT; i++) {
        offset[i] = words;
        words += metric_rows[i].slots * metric_slot_words(&metric_rows[i]);
    }
    return words;
}

size_t metrics_size(void)
{
    size_t offset[METRIC_COUNT];

    return lay_out(offset) * sizeof(uint64_t);
}

/* ---- segments ---- */

int metrics_segment_new(int *fd_out, struct err *err)
{
    _cleanup_fd_ int fd = memfd_create("godwit-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)metrics_size()) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return err_errno(err, errno, "cannot make memory for metrics");
    *fd_out = TAKE_FD(fd);
    return 0;
}

int metrics_segment_view(int fd, int *fd_out, struct err *err)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int view = open(path, O_RDONLY | O_CLOEXEC);

    if (view < 0)
        return err_errno(err, errno, "cannot open metrics for reading");
    *fd_out = view;
    return 0;
}

int metrics_map(int fd, bool writable, struct metrics **out, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != metrics_size())
        return err_set(err, ERR_INVALID, "this is no segment of metrics");
    struct metrics *m = calloc(1, sizeof(*m));

    if (!m)
        return err_set(err, ERR_NOMEM, "out of memory");
    void *p = mmap(NULL, metrics_size(), writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                   fd, 0);

    if (p == MAP_FAILED) {
        free(m);
        return err_errno(err, errno, "cannot map metrics");
    }
    m->words = p;
    (void)lay_out(m->offset);
    *out = m;
    return 0;
}

struct metrics *metrics_new_private(void)
{
    struct metrics *m = calloc(1, sizeof(*m));
    void *p =
        m ? mmap(NULL, metrics_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
          : MAP_FAILED;

    if (p == MAP_FAILED) {
        free(m);
        return NULL;
    }
    m->words = p;
    (void)lay_out(m->offset);
    return m;
}

void metrics_unmap(struct metrics *m)
{
    if (!m)
        return;
    (void)munmap((void *)m->words, metrics_size());
    free(m);
}

void metrics_forget_gauges(struct metrics *m)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        for (size_t k = 0; metric_rows[i].type == METRIC_GAUGE && k < metric_rows[i].slots; k++)
            atomic_store_explicit(metric_slot(m, (enum metric)i, k) + 1, 0, memory_order_relaxed);
}

/* ---- labels ---- */

static uint64_t word_number(const struct metric_label *label, const char *text)
{
    for (size_t i = 0; i < label->words_n; i++)
        if (strcmp(label->words[i], text) == 0)
            return i + 1;
    return label->words_n;
}

/* 1: none; else two more than the digits. */
static uint64_t code_number(const char *text)
{
    uint64_t n;

    return num_parse(slice_str(text), 999, &n) ? n + 2 : 1;
}

/* "x.y.z" is x, y and two digits of z. */
static uint64_t ecode_number(const char *text)
{
    size_t n = strlen(text);
    uint64_t detail;

    if (n < 5 || n > 6 || !ascii_is_digit(text[0]) || text[1] != '.' || !ascii_is_digit(text[2]) ||
        text[3] != '.' || !num_parse(slice_of(text + 4, n - 4), 99, &detail))
        return 1;
    return (uint64_t)(text[0] - '0') * 1000 + (uint64_t)(text[2] - '0') * 100 + detail + 2;
}

static uint64_t label_number(const struct metric_label *label, const char *text)
{
    switch (label->type) {
    case METRIC_LABEL_WORD:
        return word_number(label, text);
    case METRIC_LABEL_CODE:
        return code_number(text);
    case METRIC_LABEL_ECODE:
        return ecode_number(text);
    case METRIC_LABEL_NONE:
        break;
    }
    return 0;
}

static uint64_t key_of(const struct metric_row *row, const char *const *labels)
{
    size_t n = metric_labels_n(row);
    uint64_t key = 0;

    for (size_t i = 0; i < n; i++) {
        if (!labels[i]) /* fewer than the table says: a mistake of ours */
            abort();
        key = key << 16 | label_number(&row->labels[i], labels[i]);
    }
    if (labels[n])
        abort();
    return n > 0 ? key : 1;
}

/* ---- counting ---- */

_Atomic uint64_t *metric_slot_of(struct metrics *m, enum metric which, uint64_t key)
{
    size_t slots = metric_rows[which].slots;
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % slots;

    for (size_t i = 0; i < slots; i++) {
        _Atomic uint64_t *slot = metric_slot(m, which, at);
        uint64_t found = atomic_load_explicit(slot, memory_order_relaxed);

        if (found == 0 && atomic_compare_exchange_strong_explicit(
                              slot, &found, key, memory_order_relaxed, memory_order_relaxed))
            return slot;
        if (found == key)
            return slot;
        at = (at + 1) % slots;
    }
    return NULL;
}

static void add(_Atomic uint64_t *value, uint64_t n)
{
    atomic_fetch_add_explicit(value, n, memory_order_relaxed);
}

static _Atomic uint64_t *find(struct metrics *m, enum metric which, const char *const *labels)
{
    _Atomic uint64_t *slot = metric_slot_of(m, which, key_of(&metric_rows[which], labels));

    if (!slot)
        add(metric_slot_of(m, METRIC_METRICS_DROPPED, 1) + 1, 1);
    return slot;
}

void metrics_add_labels(struct metrics *m, enum metric which, int64_t n, const char *const *labels)
{
    _Atomic uint64_t *slot = m ? find(m, which, labels) : NULL;

    if (slot)
        add(slot + 1, (uint64_t)n);
}

void metrics_observe_labels(struct metrics *m, enum metric which, int64_t value,
                            const char *const *labels)
{
    const struct metric_row *row = &metric_rows[which];
    _Atomic uint64_t *slot = m ? find(m, which, labels) : NULL;
    size_t bucket = 0;

    if (!slot)
        return;
    while (bucket < row->buckets_n && value > row->buckets[bucket].max)
        bucket++;
    add(slot + 1 + bucket, 1);
    add(slot + 1 + row->buckets_n + 1, (uint64_t)MAX(value, 0));
}
