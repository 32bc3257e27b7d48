/* Options, times and one JSON line at the end: what every load generator shares. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

struct options {
    const char *address, *user, *password, *from, *to, *mailbox;
    uint16_t port;
    enum client_tls tls;
    uint32_t connections;
    uint32_t messages;       /* in all */
    uint32_t per_connection; /* messages before a connection is opened anew; 0: never */
    uint32_t recipients;     /* of each message */
    uint32_t size_min, size_max;
    uint32_t seconds;
    bool login; /* SMTP: AUTH PLAIN */
    bool whole; /* IMAP: also commands over the whole mailbox */
    uint16_t smtp_port;
};

/* Prints the usage and ends the program when an option is unknown or wrong. */
void options_read(int argc, char **argv, struct options *out);

/* Latencies of one kind of command. */
struct samples {
    pthread_mutex_t mutex;
    uint32_t *us; /* microseconds; at most SAMPLES_MAX are kept, the count goes on */
    size_t n, cap;
    uint64_t count;
    uint64_t errors;
};

#define SAMPLES_MAX 4000000u

void samples_init(struct samples *s);
void samples_done(struct samples *s);
void samples_add(struct samples *s, int64_t start_ns);
void samples_error(struct samples *s);
/* "NAME":{"count":..,"errors":..,"per_s":..,"p50_ms":..,"p99_ms":..,"max_ms":..} without line end.
 */
void samples_print(struct samples *s, const char *name, double seconds);

/* Runs `work` in n threads, each with its number, and waits for all. */
bool run_threads(uint32_t n, void (*work)(void *shared, uint32_t number), void *shared);

/* As many descriptors as the system allows. */
void raise_descriptor_limit(void);
