/* dns_lookup [-a ANCHOR]... [-z "ZONE ADDRESS@PORT"]... [-f ADDRESS@PORT]... [-p PORT]... [-t MS]
 * [-n TIMES] [-w PATIENT] TYPE NAME...
 *
 * Looks up names behind the sandbox of mx, all at once from a thread each, TIMES over, of which
 * PATIENT may wait long, and prints
 * for each: name, outcome, "authentic", ALIAS, TTL sign, records; then, for the last round, its
 * duration. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/builder.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "net/resolver.h"
#include "runtime/sandbox.h"

#define LIST_MAX 64

static struct {
    struct builder anchors;
    struct slice zones[LIST_MAX], forward[LIST_MAX];
    uint16_t ports[LIST_MAX];
    size_t zones_n, forward_n, ports_n;
    int64_t timeout_ms;
    unsigned times, patient;
    const char *type;
    struct dns *dns;
} options;

struct job {
    const char *name;
    struct builder line;
    pthread_t thread;
};

static void print_addresses(struct builder *b, const struct dns_address_list *list)
{
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < list->n; i++)
        build_printf(b, " %s", addr_ip_text(&list->v[i], text));
}

static struct dns_answer print_mx(struct builder *b, const struct dns_call *call, struct slice name)
{
    struct dns_mx_list list;

    (void)dns_mx(call, name, &list);
    for (size_t i = 0; i < list.n; i++)
        build_printf(b, " %u:%.*s", list.v[i].preference, SLICE_FMT(list.v[i].host));
    return list.answer;
}

static struct dns_answer print_names(struct builder *b, const struct dns_call *call,
                                     struct slice name, enum dns_type type)
{
    struct dns_name_list list;

    (void)dns_names(call, name, type, &list);
    for (size_t i = 0; i < list.n; i++)
        build_printf(b, " %.*s", SLICE_FMT(list.v[i]));
    return list.answer;
}

/* Octets and the sum of them: texts may be long. */
static struct dns_answer print_txt(struct builder *b, const struct dns_call *call,
                                   struct slice name)
{
    struct dns_text_list list;

    (void)dns_txt(call, name, &list);
    for (size_t i = 0; i < list.n; i++) {
        unsigned sum = 0;

        for (size_t j = 0; j < list.v[i].n; j++)
            sum += list.v[i].p[j];
        build_printf(b, " %zu/%u", list.v[i].n, sum);
    }
    return list.answer;
}

static struct dns_answer look_up(struct builder *b, const struct dns_call *call, struct slice name)
{
    struct dns_address_list addresses;
    struct dns_tlsa_list tlsa;

    if (strcmp(options.type, "mx") == 0)
        return print_mx(b, call, name);
    if (strcmp(options.type, "txt") == 0)
        return print_txt(b, call, name);
    if (strcmp(options.type, "cname") == 0)
        return print_names(b, call, name, DNS_CNAME);
    if (strcmp(options.type, "ptr") == 0)
        return print_names(b, call, name, DNS_PTR);
    if (strcmp(options.type, "tlsa") == 0) {
        (void)dns_tlsa(call, name, &tlsa);
        build_printf(b, " %zu", tlsa.n);
        return tlsa.answer;
    }
    (void)dns_addresses(call, name, DNS_IP_ANY, &addresses);
    print_addresses(b, &addresses);
    return addresses.answer;
}

static void *work(void *owner)
{
    struct job *job = owner;
    struct builder records;
    struct arena a;

    arena_init(&a, 1u << 20);
    build_init(&records, 1u << 16);
    struct dns_call call = {options.dns, &a, clock_mono_ns() + options.timeout_ms * NS_PER_MS};
    struct dns_answer answer = look_up(&records, &call, slice_str(job->name));

    build_reset(&job->line);
    build_printf(&job->line, "%s %s%s", job->name, dns_outcome_name(answer.outcome),
                 answer.authentic ? " authentic" : "");
    if (answer.alias)
        build_printf(&job->line, " alias:%.*s", SLICE_FMT(answer.name));
    build_bytes(&job->line, build_slice(&records));
    if (answer.reason[0] != '\0')
        build_printf(&job->line, " (%s)", answer.reason);
    build_done(&records);
    arena_done(&a);
    return NULL;
}

static int run(struct job *jobs, size_t n)
{
    int64_t began = 0;

    for (unsigned round = 0; round < options.times; round++) {
        began = clock_mono_ns();
        for (size_t i = 0; i < n; i++)
            if (pthread_create(&jobs[i].thread, NULL, work, &jobs[i]) != 0)
                return 1;
        for (size_t i = 0; i < n; i++)
            (void)pthread_join(jobs[i].thread, NULL);
    }
    int64_t ended = clock_mono_ns();

    for (size_t i = 0; i < n; i++) {
        printf("%.*s\n", SLICE_FMT(build_slice(&jobs[i].line)));
        build_done(&jobs[i].line);
    }
    printf("ms %lld\n", (long long)((ended - began) / NS_PER_MS));
    return 0;
}

static void take_options(int argc, char **argv)
{
    int c;

    build_init(&options.anchors, 1u << 16);
    options.timeout_ms = 20000;
    options.times = 1;
    options.patient = LIST_MAX;
    while ((c = getopt(argc, argv, "a:f:n:p:t:w:z:")) != -1) {
        if (c == 'a')
            build_printf(&options.anchors, "%s\n", optarg);
        else if (c == 'f' && options.forward_n < LIST_MAX)
            options.forward[options.forward_n++] = slice_str(optarg);
        else if (c == 'z' && options.zones_n < LIST_MAX)
            options.zones[options.zones_n++] = slice_str(optarg);
        else if (c == 'p' && options.ports_n < LIST_MAX)
            options.ports[options.ports_n++] = (uint16_t)atoi(optarg);
        else if (c == 'n')
            options.times = (unsigned)atoi(optarg);
        else if (c == 'w')
            options.patient = (unsigned)atoi(optarg);
        else if (c == 't')
            options.timeout_ms = atoi(optarg);
        else
            exit(2);
    }
}

int main(int argc, char **argv)
{
    static const struct clock clock;
    const struct env env = {.clock = &clock, .log = log_new(STDERR_FILENO, false, NULL)};
    struct sandbox_config sandbox = {.role = SANDBOX_RESOLVING_EDGE};
    struct resolver *resolver;
    struct err err;

    take_options(argc, argv);
    if (argc - optind < 2)
        return 2;
    const struct resolver_config config = {
        .trust_anchors = build_slice(&options.anchors),
        .forward_to = options.forward,
        .forward_to_n = options.forward_n,
        .zones = options.zones,
        .zones_n = options.zones_n,
        .patient_max = options.patient,
    };
    size_t n = (size_t)(argc - optind - 1);
    struct job *jobs = calloc(n, sizeof(*jobs));
    int rc = jobs ? resolver_new(&config, &resolver, &err) : -ERR_NOMEM;

#ifdef GODWIT_SANITIZED
    sandbox.log_only = true;
#endif
    sandbox.tcp_ports = options.ports;
    sandbox.tcp_ports_n = options.ports_n;
    if (rc == 0)
        rc = sandbox_enter(&sandbox, &env, &err);
    if (rc < 0) {
        fprintf(stderr, "dns_lookup: %s\n", err.text);
        return 1;
    }
    options.type = argv[optind];
    options.dns = resolver_dns(resolver);
    for (size_t i = 0; i < n; i++) {
        jobs[i].name = argv[optind + 1 + (int)i];
        build_init(&jobs[i].line, 1u << 16);
    }
    int status = run(jobs, n);

    resolver_free(resolver);
    build_done(&options.anchors);
    log_free(env.log);
    free(jobs);
    return status;
}
