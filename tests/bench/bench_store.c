/* How many messages a shard takes, and what they cost the disk. One JSON object per line.
 *
 *   bench_store DIRECTORY [SECONDS [COMMIT_WAIT_US]]
 *
 * Each submitter packs a message and waits until it is stored, as the store's threads do. Sizes are
 * 1 to 75 KiB, half of them text, half base64 of noise. Flushes are counted by replacing fsync and
 * fdatasync; octets written come from /proc/self/io. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "store/account_create.h"
#include "store/deliver.h"

#define ACCOUNTS 1000
#define MESSAGES 64

static _Atomic uint64_t syncs;

int fsync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fd);
}

struct message {
    uint8_t *octets;
    size_t n;
};

struct bench {
    struct shard *shard;
    struct message messages[MESSAGES];
    int64_t until_ns;
    _Atomic uint64_t stored;
    _Atomic uint64_t failed;
    _Atomic uint64_t octets;
};

struct submitter {
    struct bench *bench;
    pthread_t thread;
    uint64_t seed;
};

struct bench_write {
    struct write write;
    struct deliver *deliver;
    int64_t account_id;
};

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static void message_fill(struct message *m, uint64_t *seed, bool text)
{
    static const char *const words[] = {"the ",    "meeting ", "of ",   "tomorrow ", "please ",
                                        "report ", "and ",     "mail ", "server ",   "regards "};
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    m->n = 1024 + next_random(seed) % (74 * 1024);
    m->octets = malloc(m->n);
    if (m->octets == NULL)
        abort();
    for (size_t i = 0; i < m->n;) {
        if (text) {
            const char *word = words[next_random(seed) % ARRAY_SIZE(words)];
            size_t n = MIN(strlen(word), m->n - i);

            memcpy(m->octets + i, word, n);
            i += n;
            if (i < m->n && next_random(seed) % 4 == 0)
                m->octets[i++] = (uint8_t)digits[next_random(seed) % 64];
        } else {
            m->octets[i++] = (uint8_t)digits[next_random(seed) % 64];
        }
    }
}

static int bench_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct bench_write *bw = (struct bench_write *)w;

    if (bw->deliver == NULL)
        return account_create(ctx, bw->account_id, 0, err);
    return deliver_apply(ctx, bw->deliver, err);
}

static void facts_fill(Gw__Facts *facts, char *id, size_t id_size, uint64_t *seed)
{
    static uint8_t rendered[600];
    static uint8_t words[2000];

    for (size_t i = 0; i < sizeof words; i++)
        words[i] = (uint8_t)('a' + (i * i) % 23);
    (void)snprintf(id, id_size, "%016" PRIx64 "@example.org", next_random(seed));
    facts->message_id = (ProtobufCBinaryData){.len = strlen(id), .data = (uint8_t *)id};
    facts->subject_base = (ProtobufCBinaryData){.len = 16, .data = (uint8_t *)id};
    facts->envelope = (ProtobufCBinaryData){.len = 350, .data = rendered};
    facts->bodystructure = (ProtobufCBinaryData){.len = 150, .data = rendered};
    facts->parts = (ProtobufCBinaryData){.len = 60, .data = rendered};
    facts->text = (ProtobufCBinaryData){.len = sizeof words, .data = words};
}

static void *submit_all(void *arg)
{
    struct submitter *s = arg;
    struct bench *b = s->bench;

    while (clock_mono_ns() < b->until_ns) {
        struct message *m = &b->messages[next_random(&s->seed) % MESSAGES];
        struct deliver_target target = {.account_id =
                                            1 + (int64_t)(next_random(&s->seed) % ACCOUNTS),
                                        .delivered_to = SLICE("somebody@example.org"),
                                        .prefix = SLICE("Return-Path: <sender@example.com>\r\n")};
        Gw__Facts facts = GW__FACTS__INIT;
        struct body_packed packed = {0};
        char id[64];
        struct deliver d = {.facts = &facts, .body = &packed, .targets = &target, .targets_n = 1};
        struct bench_write w = {.write.apply = bench_apply, .deliver = &d};
        struct err err = {0};

        facts_fill(&facts, id, sizeof id, &s->seed);
        if (body_pack(slice_of(m->octets, m->n), &packed, &err) == 0 &&
            shard_write(b->shard, &w.write, &err) == 0 && target.kind == ERR_NONE) {
            atomic_fetch_add(&b->stored, 1);
            atomic_fetch_add(&b->octets, m->n);
        } else {
            atomic_fetch_add(&b->failed, 1);
        }
        body_packed_done(&packed);
    }
    return NULL;
}

static uint64_t octets_written(void)
{
    char text[1024] = "";
    int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *at = n > 0 ? strstr(text, "\nwchar: ") : NULL;

    if (fd >= 0)
        (void)close(fd);
    return at != NULL ? strtoull(at + 8, NULL, 10) : 0;
}

static void run(struct bench *b, size_t submitters, double seconds)
{
    struct submitter s[64];
    uint64_t syncs_before = atomic_load(&syncs), written_before = octets_written();
    int64_t start = clock_mono_ns();
    double took;

    atomic_store(&b->stored, 0);
    atomic_store(&b->octets, 0);
    b->until_ns = start + (int64_t)(seconds * 1e9);
    for (size_t i = 0; i < submitters; i++) {
        s[i] = (struct submitter){.bench = b, .seed = 77 + i + (uint64_t)start};
        if (pthread_create(&s[i].thread, NULL, submit_all, &s[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < submitters; i++)
        (void)pthread_join(s[i].thread, NULL);
    took = (double)(clock_mono_ns() - start) / 1e9;
    printf("{\"bench\":\"store\",\"submitters\":%zu,\"messages\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"per_second\":%.0f,\"syncs_per_message\":%.3f,\"kib_written_per_message\":%.1f,"
           "\"kib_per_message\":%.1f}\n",
           submitters, b->stored, b->failed, (double)b->stored / took,
           (double)(atomic_load(&syncs) - syncs_before) / (double)MAX(b->stored, 1),
           (double)(octets_written() - written_before) / 1024 / (double)MAX(b->stored, 1),
           (double)b->octets / 1024 / (double)MAX(b->stored, 1));
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct clock clock = {0};
    struct env env = {.clock = &clock, .log = log_new(STDERR_FILENO, false, NULL)};
    struct shard_config config = {.schema_part = "shard", .readers = 1, .commit_wait_us = 2000};
    static struct bench b;
    struct err err = {0};
    uint64_t seed = 1;
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 3;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: bench_store directory [seconds [commit_wait_us]]\n");
        return 2;
    }
    config.directory = argv[1];
    if (argc > 3)
        config.commit_wait_us = (uint32_t)strtoul(argv[3], NULL, 10);
    if (shard_open(&config, &env, &b.shard, &err) < 0) {
        (void)fprintf(stderr, "%s: %s\n", err.text, err.detail);
        return 1;
    }
    for (size_t i = 0; i < MESSAGES; i++)
        message_fill(&b.messages[i], &seed, i % 2 == 0);
    for (int64_t i = 1; i <= ACCOUNTS; i++) {
        struct bench_write w = {.write.apply = bench_apply, .account_id = i};

        if (shard_write(b.shard, &w.write, &err) < 0 && err.kind != ERR_EXISTS)
            return 1;
    }
    run(&b, 1, seconds);
    run(&b, 2, seconds);
    run(&b, 16, seconds);
    shard_close(b.shard);
    for (size_t i = 0; i < MESSAGES; i++)
        free(b.messages[i].octets);
    log_free(env.log);
    return b.failed > 0;
}
