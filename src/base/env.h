/* What a process has for everybody: built in main, passed down, constant after start-up. Tests make
 * their own. */
#pragma once

struct clock;
struct log;
struct metrics;
struct dns;

struct env {
    const struct clock *clock;
    struct log *log;
    struct metrics *metrics; /* NULL: nothing is counted */
    struct dns *dns;         /* net/dns.h; NULL: this process looks up no names */
};
