/* Rows in the order in which the template shows them. */
#include "supervisor/keys.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/config.h"

#define MEGABYTE (INT64_C(1024) * 1024)

const struct section_row section_rows[SECTION_COUNT] = {
    [SECTION_GLOBAL] = {.name = "root", .parent = SECTION_GLOBAL, .help = ""},
    [SECTION_LOG] = {.name = "log", .help = "The log goes to standard error, a line per event."},
    [SECTION_LIMITS] = {.name = "limits",
                        .help = "Limits per remote address, in three classes: the address itself "
                                "(IPv4 /32, IPv6 /64), its site (/26, /48) and its network (/21, "
                                "/32). 0 means no limit."},
    [SECTION_TIMEOUTS] = {.name = "timeouts",
                          .help = "How long a peer may take. The fallbacks are what RFC 5321 asks "
                                  "for at least."},
    [SECTION_DNS] = {.name = "dns",
                     .help =
                         "How names are looked up. Answers are validated here (DNSSEC), whoever "
                         "gives them."},
    [SECTION_STORE] = {.name = "store", .help = "The databases with the mail."},
    [SECTION_TEST] = {.name = "test",
                      .help = "For tests of the server itself.",
                      .tests_only = true},
    [SECTION_LISTENER] = {.name = "listener",
                          .repeated = true,
                          .example = "public",
                          .help = "Addresses and the services offered on them. A service that is "
                                  "not named is not offered. Any number of listeners; each has a "
                                  "name of its own."},
    [SECTION_SMTP] = {.name = "smtp",
                      .parent = SECTION_LISTENER,
                      .repeated = true,
                      .help = "Mail from other servers."},
    [SECTION_SUBMISSION] = {.name = "submission",
                            .parent = SECTION_LISTENER,
                            .repeated = true,
                            .help = "Mail from the users' programs, with STARTTLS."},
    [SECTION_SUBMISSIONS] = {.name = "submissions",
                             .parent = SECTION_LISTENER,
                             .repeated = true,
                             .help = "The same, with TLS from the start. Needs tls."},
    [SECTION_IMAP] = {.name = "imap",
                      .parent = SECTION_LISTENER,
                      .repeated = true,
                      .help = "Reading mail, with STARTTLS."},
    [SECTION_IMAPS] = {.name = "imaps",
                       .parent = SECTION_LISTENER,
                       .repeated = true,
                       .help = "The same, with TLS from the start. Needs tls."},
    [SECTION_HTTP] = {.name = "http",
                      .parent = SECTION_LISTENER,
                      .repeated = true,
                      .help = "Sends browsers to https. With plain_auth it serves the account page "
                              "itself."},
    [SECTION_HTTPS] = {.name = "https",
                       .parent = SECTION_LISTENER,
                       .repeated = true,
                       .help = "The account page, for the users' browsers. Needs tls."},
    [SECTION_METRICS] = {.name = "metrics",
                         .parent = SECTION_LISTENER,
                         .repeated = true,
                         .asked_for = true,
                         .help =
                             "Numbers about the server for Prometheus, at /metrics, for whoever "
                             "asks: in a listener whose addresses are those of this machine "
                             "only, such as 127.0.0.1."},
    [SECTION_TLS] = {.name = "tls",
                     .parent = SECTION_LISTENER,
                     .repeated = true,
                     .help = "Certificate and private key, PEM. A client that asks for a name "
                             "which only the certificate of another listener has gets that one. "
                             "Read again on reload."},
    [SECTION_PROCESS] = {.name = "process",
                         .repeated = true,
                         .example = "mx access web store",
                         .help = "Size of a kind of process: mx (smtp), access (submission and "
                                 "IMAP), web (http, https, metrics), store or "
                                 "keys (which signs TLS handshakes; 4 threads)."},
};

#define GLOBAL(member) .offset = offsetof(struct config, member)

const struct key_row key_rows[] = {
    {SECTION_GLOBAL, "hostname", KEY_TEXT, .example = "mail.example.org", GLOBAL(hostname),
     .help = "Name of this server in greetings and in Received fields. Should resolve to its "
             "addresses, and they to it."},
    {SECTION_GLOBAL, "data_directory", KEY_PATH, .fallback = "/var/lib/godwit",
     GLOBAL(data_directory),
     .help = "Where all mail is kept. Belongs to the user below, mode 0700; made when absent."},
    {SECTION_GLOBAL, "user", KEY_TEXT, .fallback = "godwit", GLOBAL(user),
     .help = "User of the processes when the server is started as root."},
    {SECTION_GLOBAL, "message_size_max", KEY_SIZE, .fallback = "100M", .unit = "octets",
     .min = 64 * 1024, .max = 2048 * MEGABYTE, GLOBAL(message_size_max),
     .help = "Larger messages are refused."},
    {SECTION_GLOBAL, "refuse_long_lines", KEY_SWITCH, .fallback = "false",
     GLOBAL(refuse_long_lines),
     .help = "Refuse messages of users with lines of more than 998 octets, which some servers "
             "on their way would break."},
    {SECTION_GLOBAL, "plain_auth", KEY_SWITCH, .fallback = "false", GLOBAL(plain_auth),
     .help = "Passwords may be sent without TLS. Only for tests on one machine."},
    {SECTION_GLOBAL, "pedantic", KEY_SWITCH, .fallback = "false", GLOBAL(pedantic),
     .help = "What the standards forbid and others tolerate is refused. To test programs with; "
             "loses mail of faulty ones."},

    {SECTION_LOG, "format", KEY_CHOICE, .fallback = "logfmt", .choices = "logfmt json",
     GLOBAL(log_format), .help = "logfmt or json."},
    {SECTION_LOG, "levels", KEY_TEXT, .fallback = "info", GLOBAL(log_levels),
     .help = "error, warn, info, debug or trace; then modules, as in \"info,smtp=debug\"."},
    {SECTION_LOG, "time", KEY_SWITCH, .fallback = "true", GLOBAL(log_time),
     .help = "Each line begins with the time. Not needed when a service manager adds it."},

    {SECTION_LIMITS, "connection_rate", KEY_CLASSES, .fallback = "{300, 900, 2700}",
     .unit = "new connections per minute", .max = 1000000000, GLOBAL(connection_rate),
     .help = "More are closed at once."},
    {SECTION_LIMITS, "connections_open", KEY_CLASSES, .fallback = "{30, 90, 270}",
     .unit = "connections", .max = 1000000000, GLOBAL(connections_open),
     .help = "At the same time, per process."},
    {SECTION_LIMITS, "auth_failures", KEY_CLASSES, .fallback = "{10, 30, 90}",
     .unit = "failed logins per minute", .max = 1000000000, GLOBAL(auth_failures),
     .help = "After that, logins are refused for the rest of the minute."},
    {SECTION_LIMITS, "auth_failures_day", KEY_CLASSES, .fallback = "{50, 150, 450}",
     .unit = "failed logins per day", .max = 1000000000, GLOBAL(auth_failures_day),
     .help = "After that, logins are refused for the rest of the day (UTC)."},
    {SECTION_LIMITS, "request_rate", KEY_CLASSES, .fallback = "{1000, 3000, 9000}",
     .unit = "HTTP requests per minute", .max = 1000000000, GLOBAL(request_rate),
     .help = "More are refused for the rest of the minute."},
    {SECTION_LIMITS, "delays", KEY_SWITCH, .fallback = "true", GLOBAL(delays),
     .help = "Who guesses passwords or addresses gets slow answers. Switch it off only for tests."},

    {SECTION_LIMITS, "content_rate_min", KEY_NUMBER, .fallback = "1000",
     .unit = "octets per minute", .min = 0, .max = 1000000000, GLOBAL(content_rate_min),
     .help = "Who sends the content of a message slower than this is cut off. 0: any rate."},

    {SECTION_TIMEOUTS, "handshake", KEY_NUMBER, .fallback = "60", .unit = "seconds", .min = 1,
     .max = 3600, GLOBAL(handshake_timeout_s), .help = "For a TLS handshake, or a PROXY header."},
    {SECTION_TIMEOUTS, "command", KEY_NUMBER, .fallback = "300", .unit = "seconds", .min = 1,
     .max = 86400, GLOBAL(command_timeout_s), .help = "For the next SMTP command."},
    {SECTION_TIMEOUTS, "content", KEY_NUMBER, .fallback = "180", .unit = "seconds", .min = 1,
     .max = 86400, GLOBAL(content_timeout_s), .help = "For the next piece of a message."},
    {SECTION_TIMEOUTS, "message", KEY_NUMBER, .fallback = "1800", .unit = "seconds", .min = 1,
     .max = 86400, GLOBAL(message_timeout_s), .help = "For a whole message."},
    {SECTION_TIMEOUTS, "write", KEY_NUMBER, .fallback = "30", .unit = "seconds", .min = 6,
     .max = 3600, GLOBAL(write_timeout_s), .help = "For taking an answer."},

    {SECTION_DNS, "lookups", KEY_SWITCH, .fallback = "true", GLOBAL(dns.lookups),
     .help =
         "Whether names are looked up at all. Without, nothing that depends on DNS is checked."},
    {SECTION_DNS, "trust_anchor", KEY_PATH, .fallback = "/usr/share/dns/root.key",
     GLOBAL(dns.trust_anchor),
     .help =
         "File with the keys of the root zone, DS or DNSKEY records (package dns-root-data). Read "
         "again on reload."},
    {SECTION_DNS, "forward_to", KEY_TEXTS, .fallback = "{}", .example = "{\"127.0.0.1\"}",
     GLOBAL(dns.forward_to),
     .help =
         "Resolvers that are asked, as \"ADDRESS\" or \"ADDRESS@PORT\"; they must pass signatures "
         "on. None: the name servers themselves are asked, from the root on."},
    {SECTION_DNS, "zones", KEY_TEXTS, .fallback = "{}", GLOBAL(dns.zones),
     .help = "Private zones and where they are, as \"ZONE ADDRESS@PORT\"."},
    {SECTION_DNS, "zone_anchors", KEY_TEXTS, .fallback = "{}", GLOBAL(dns.zone_anchors),
     .help = "Keys of private zones that are signed, as \"ZONE IN DS ...\"."},

    {SECTION_STORE, "shards", KEY_NUMBER, .fallback = "1", .min = 1, .max = 64, GLOBAL(shards),
     .help = "Databases over which accounts are spread. Can grow, not shrink."},
    {SECTION_STORE, "commit_wait", KEY_NUMBER, .fallback = "5000", .unit = "microseconds", .min = 0,
     .max = 1000000, GLOBAL(commit_wait_us),
     .help = "How long a commit waits for more work to share its flush to disk."},

    {SECTION_TEST, "clock_offset", KEY_NUMBER, .fallback = "0", .unit = "seconds",
     .min = -4000000000, .max = 4000000000, GLOBAL(clock_offset_s), .help = "Added to the time."},
    {SECTION_TEST, "clock_frozen", KEY_NUMBER, .fallback = "0", .unit = "seconds since 1970",
     .min = 0, .max = 4000000000, GLOBAL(clock_frozen_s),
     .help = "When not 0, it is always this time."},

    {SECTION_LISTENER, "addresses", KEY_TEXTS, .fallback = "{\"0.0.0.0\", \"::\"}", .min = 1,
     .offset = offsetof(struct config_listener, addresses),
     .help = "IP addresses; 0.0.0.0 and :: stand for all of this machine."},
    {SECTION_LISTENER, "hostname", KEY_TEXT, .example = "mail.example.org", .optional = true,
     .offset = offsetof(struct config_listener, hostname),
     .help = "Name said here in place of the global hostname."},
    {SECTION_LISTENER, "message_size_max", KEY_SIZE, .example = "50M", .unit = "octets",
     .min = 64 * 1024, .max = 2048 * MEGABYTE, .optional = true,
     .offset = offsetof(struct config_listener, message_size_max),
     .help = "In place of the global message_size_max."},
    {SECTION_LISTENER, "proxy_networks", KEY_TEXTS, .fallback = "{}",
     .offset = offsetof(struct config_listener, proxy_networks),
     .help = "Networks of proxies that connect here and say with the PROXY protocol (version 1 or "
             "2) for whom. When it is set, every connection has to come from one of them and begin "
             "with that header."},
    {SECTION_SMTP, "port", KEY_NUMBER, .fallback = "25", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_SMTP, "starttls", KEY_CHOICE, .fallback = "offered", .choices = "off offered required",
     .offset = offsetof(struct config_service, starttls),
     .help = "off, offered, or required: then mail without TLS is refused, except reports about "
             "TLS."},
    {SECTION_SMTP, "requiretls", KEY_SWITCH, .fallback = "true",
     .offset = offsetof(struct config_service, requiretls),
     .help = "Senders may ask that a message travels over TLS only (RFC 8689)."},
    {SECTION_SMTP, "dsn", KEY_SWITCH, .fallback = "false",
     .offset = offsetof(struct config_service, dsn),
     .help = "Senders may ask for reports about delivery (RFC 3461). It tells strangers which "
             "addresses exist."},
    {SECTION_SMTP, "xclient", KEY_TEXTS, .fallback = "{}",
     .offset = offsetof(struct config_service, xclient),
     .help = "Networks of filters in front of this server, as in {\"192.0.2.1\", "
             "\"2001:db8::/64\"}, that are believed when they say with XCLIENT who the client "
             "is."},
    {SECTION_SMTP, "session_tickets", KEY_SWITCH, .fallback = "false",
     .offset = offsetof(struct config_service, session_tickets),
     .help = "TLS sessions can be resumed. Some large senders fail when they try."},
    {SECTION_SUBMISSION, "port", KEY_NUMBER, .fallback = "587", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_SUBMISSION, "starttls", KEY_CHOICE, .fallback = "offered", .choices = "off offered",
     .offset = offsetof(struct config_service, starttls), .help = "off or offered."},
    {SECTION_SUBMISSION, "requiretls", KEY_SWITCH, .fallback = "true",
     .offset = offsetof(struct config_service, requiretls),
     .help = "Senders may ask that a message travels over TLS only (RFC 8689)."},
    {SECTION_SUBMISSIONS, "port", KEY_NUMBER, .fallback = "465", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_SUBMISSIONS, "requiretls", KEY_SWITCH, .fallback = "true",
     .offset = offsetof(struct config_service, requiretls),
     .help = "Senders may ask that a message travels over TLS only (RFC 8689)."},
    {SECTION_IMAP, "port", KEY_NUMBER, .fallback = "143", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_IMAP, "starttls", KEY_CHOICE, .fallback = "offered", .choices = "off offered",
     .offset = offsetof(struct config_service, starttls), .help = "off or offered."},
    {SECTION_IMAPS, "port", KEY_NUMBER, .fallback = "993", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_HTTP, "port", KEY_NUMBER, .fallback = "80", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_HTTPS, "port", KEY_NUMBER, .fallback = "443", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_METRICS, "port", KEY_NUMBER, .fallback = "8010", .min = 1, .max = 65535,
     .offset = offsetof(struct config_service, port), .help = "TCP port."},
    {SECTION_TLS, "certificate", KEY_PATH, .example = "fullchain.pem",
     .offset = offsetof(struct config_tls, certificate),
     .help = "The server's certificate first, then those of the chain."},
    {SECTION_TLS, "key", KEY_PATH, .example = "privkey.pem",
     .offset = offsetof(struct config_tls, key), .help = "Its private key."},
    {SECTION_TLS, "minimum", KEY_CHOICE, .fallback = "1.2", .choices = "1.2 1.3",
     .offset = offsetof(struct config_tls, minimum),
     .help = "The oldest version of TLS that is spoken: 1.2 or 1.3."},
    {SECTION_TLS, "client_auth", KEY_SWITCH, .fallback = "true",
     .offset = offsetof(struct config_tls, client_auth),
     .help = "Clients of submission and IMAP are asked for a certificate, with whose key they can "
             "log in."},

    {SECTION_PROCESS, "count", KEY_NUMBER, .fallback = "1", .min = 1, .max = 16,
     .offset = offsetof(struct config_process, count),
     .help = "How many run. There is always one store."},
    {SECTION_PROCESS, "threads", KEY_NUMBER, .fallback = "16", .min = 1, .max = 128,
     .offset = offsetof(struct config_process, threads),
     .help = "Commands that one process carries out at the same time."},
    {SECTION_PROCESS, "connections", KEY_NUMBER, .fallback = "20000", .min = 10, .max = 1000000,
     .offset = offsetof(struct config_process, connections),
     .help = "Connections that one process keeps open."},
};
const size_t key_rows_n = sizeof(key_rows) / sizeof(key_rows[0]);

bool section_exists(enum key_section section)
{
#ifdef GODWIT_TEST_HOOKS
    return section < SECTION_COUNT;
#else
    return section < SECTION_COUNT && !section_rows[section].tests_only;
#endif
}

const struct key_row *key_find(const char *section_name, const char *key_name)
{
    for (size_t i = 0; i < key_rows_n; i++) {
        const struct key_row *key = &key_rows[i];

        if (strcmp(section_rows[key->section].name, section_name) == 0 &&
            strcmp(key->name, key_name) == 0 && section_exists(key->section))
            return key;
    }
    return NULL;
}

void key_path(const struct key_row *key, char *buf, size_t size)
{
    const struct section_row *section = &section_rows[key->section];

    if (key->section == SECTION_GLOBAL)
        (void)snprintf(buf, size, "%s", key->name);
    else if (section->parent == SECTION_GLOBAL)
        (void)snprintf(buf, size, "%s.%s", section->name, key->name);
    else
        (void)snprintf(buf, size, "%s.%s.%s", section_rows[section->parent].name, section->name,
                       key->name);
}
