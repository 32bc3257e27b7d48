#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

enum {
    OPT_ADDRESS = 1,
    OPT_PORT,
    OPT_TLS,
    OPT_USER,
    OPT_PASSWORD,
    OPT_FROM,
    OPT_TO,
    OPT_MAILBOX,
    OPT_CONNECTIONS,
    OPT_MESSAGES,
    OPT_PER_CONNECTION,
    OPT_RECIPIENTS,
    OPT_SIZE_MIN,
    OPT_SIZE_MAX,
    OPT_SECONDS,
    OPT_LOGIN,
    OPT_WHOLE,
    OPT_SMTP_PORT
};

static const struct option long_options[] = {
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"port", required_argument, NULL, OPT_PORT},
    {"tls", required_argument, NULL, OPT_TLS},
    {"user", required_argument, NULL, OPT_USER},
    {"password", required_argument, NULL, OPT_PASSWORD},
    {"from", required_argument, NULL, OPT_FROM},
    {"to", required_argument, NULL, OPT_TO},
    {"mailbox", required_argument, NULL, OPT_MAILBOX},
    {"connections", required_argument, NULL, OPT_CONNECTIONS},
    {"messages", required_argument, NULL, OPT_MESSAGES},
    {"per-connection", required_argument, NULL, OPT_PER_CONNECTION},
    {"recipients", required_argument, NULL, OPT_RECIPIENTS},
    {"size-min", required_argument, NULL, OPT_SIZE_MIN},
    {"size-max", required_argument, NULL, OPT_SIZE_MAX},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"login", required_argument, NULL, OPT_LOGIN},
    {"whole", required_argument, NULL, OPT_WHOLE},
    {"smtp-port", required_argument, NULL, OPT_SMTP_PORT},
    {NULL, 0, NULL, 0},
};

static _Noreturn void usage(const char *program)
{
    (void)fprintf(stderr, "usage: %s --port N [options]\n", program);
    for (const struct option *o = long_options; o->name; o++)
        (void)fprintf(stderr, "  --%s VALUE\n", o->name);
    (void)fprintf(stderr,
                  "--tls is plain, starttls or implicit; a %%u in --user and --to is replaced by a "
                  "number from 0\n");
    exit(2);
}

static uint32_t number_of(const char *program, const char *text, uint32_t max)
{
    uint64_t value;

    if (!num_parse(slice_str(text), max, &value))
        usage(program);
    return (uint32_t)value;
}

static enum client_tls tls_of(const char *program, const char *text)
{
    static const char *const names[] = {"plain", "starttls", "implicit"};

    for (int i = 0; i < 3; i++)
        if (slice_eq(slice_str(text), slice_str(names[i])))
            return (enum client_tls)i;
    usage(program);
}

static void read_number(int option, struct options *o, uint32_t value)
{
    uint32_t *const where[] = {
        [OPT_CONNECTIONS] = &o->connections,
        [OPT_MESSAGES] = &o->messages,
        [OPT_PER_CONNECTION] = &o->per_connection,
        [OPT_RECIPIENTS] = &o->recipients,
        [OPT_SIZE_MIN] = &o->size_min,
        [OPT_SIZE_MAX] = &o->size_max,
        [OPT_SECONDS] = &o->seconds,
    };

    *where[option] = value;
}

void options_read(int argc, char **argv, struct options *out)
{
    struct options o = {.address = "127.0.0.1",
                        .user = "user@localhost",
                        .password = "godwitgodwit",
                        .from = "sender@example.org",
                        .to = "user@localhost",
                        .mailbox = "INBOX",
                        .connections = 10,
                        .messages = 1000,
                        .recipients = 1,
                        .size_min = 1024,
                        .size_max = 75 * 1024,
                        .seconds = 10};
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        const char **const texts[] = {
            [OPT_ADDRESS] = &o.address, [OPT_USER] = &o.user, [OPT_PASSWORD] = &o.password,
            [OPT_FROM] = &o.from,       [OPT_TO] = &o.to,     [OPT_MAILBOX] = &o.mailbox,
        };

        if (option == '?')
            usage(argv[0]);
        else if (option == OPT_PORT)
            o.port = (uint16_t)number_of(argv[0], optarg, UINT16_MAX);
        else if (option == OPT_SMTP_PORT)
            o.smtp_port = (uint16_t)number_of(argv[0], optarg, UINT16_MAX);
        else if (option == OPT_LOGIN)
            o.login = number_of(argv[0], optarg, 1) == 1;
        else if (option == OPT_WHOLE)
            o.whole = number_of(argv[0], optarg, 1) == 1;
        else if (option == OPT_TLS)
            o.tls = tls_of(argv[0], optarg);
        else if ((size_t)option < ARRAY_SIZE(texts) && texts[option])
            *texts[option] = optarg;
        else
            read_number(option, &o, number_of(argv[0], optarg, 100000000));
    }
    if (o.port == 0 || o.size_min > o.size_max || o.connections == 0 || optind != argc)
        usage(argv[0]);
    *out = o;
}

void samples_init(struct samples *s)
{
    *s = (struct samples){.mutex = PTHREAD_MUTEX_INITIALIZER};
}

void samples_done(struct samples *s)
{
    free(s->us);
}

void samples_add(struct samples *s, int64_t start_ns)
{
    int64_t us = (clock_mono_ns() - start_ns) / 1000;

    (void)pthread_mutex_lock(&s->mutex);
    s->count++;
    if (s->n == s->cap && s->cap < SAMPLES_MAX) {
        size_t cap = s->cap ? s->cap * 2 : 1024;
        uint32_t *more = reallocarray(s->us, cap, sizeof(*more));

        if (more) {
            s->us = more;
            s->cap = cap;
        }
    }
    if (s->n < s->cap)
        s->us[s->n++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    (void)pthread_mutex_unlock(&s->mutex);
}

void samples_error(struct samples *s)
{
    (void)pthread_mutex_lock(&s->mutex);
    s->errors++;
    (void)pthread_mutex_unlock(&s->mutex);
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static double quantile_ms(const struct samples *s, double q)
{
    if (s->n == 0)
        return 0;
    size_t at = (size_t)((double)(s->n - 1) * q + 0.5);

    return s->us[at] / 1000.0;
}

void samples_print(struct samples *s, const char *name, double seconds)
{
    if (s->n)
        qsort(s->us, s->n, sizeof(*s->us), by_value);
    (void)printf(
        "\"%s\":{\"count\":%llu,\"errors\":%llu,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
        "\"max_ms\":%.3f}",
        name, (unsigned long long)s->count, (unsigned long long)s->errors,
        seconds > 0 ? (double)s->count / seconds : 0, quantile_ms(s, 0.5), quantile_ms(s, 0.99),
        quantile_ms(s, 1));
}

struct thread {
    pthread_t id;
    void (*work)(void *shared, uint32_t number);
    void *shared;
    uint32_t number;
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;

    t->work(t->shared, t->number);
    return NULL;
}

bool run_threads(uint32_t n, void (*work)(void *shared, uint32_t number), void *shared)
{
    _cleanup_free_ struct thread *threads = calloc(n, sizeof(*threads));
    uint32_t started = 0;

    if (!threads)
        return false;
    for (; started < n; started++) {
        threads[started] = (struct thread){.work = work, .shared = shared, .number = started};
        if (pthread_create(&threads[started].id, NULL, thread_main, &threads[started]) != 0)
            break;
    }
    for (uint32_t i = 0; i < started; i++)
        (void)pthread_join(threads[i].id, NULL);
    return started == n;
}

void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
