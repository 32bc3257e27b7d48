/* All families, module by module. */
#include "base/clock.h"
#include "base/num.h"
#include "runtime/metrics_private.h"

#define WORDS(...)                                                                                 \
    .type = METRIC_LABEL_WORD, .words = (const char *const[]){__VA_ARGS__},                        \
    .words_n = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)
#define LABEL(label, ...)                                                                          \
    {                                                                                              \
        .name = (label), WORDS(__VA_ARGS__)                                                        \
    }
#define OTHER "(unknown)"

#define SERVICES                                                                                   \
    "smtp", "submission", "submissions", "imap", "imaps", "http", "https", "metrics", OTHER
#define SMTP_KINDS "smtp", "submission"

static const struct metric_bucket durations[] = {
    {1 * NS_PER_MS, "0.001"}, {5 * NS_PER_MS, "0.005"}, {10 * NS_PER_MS, "0.01"},
    {50 * NS_PER_MS, "0.05"}, {100 * NS_PER_MS, "0.1"}, {500 * NS_PER_MS, "0.5"},
    {1 * NS_PER_S, "1"},      {5 * NS_PER_S, "5"},      {10 * NS_PER_S, "10"},
    {20 * NS_PER_S, "20"},    {30 * NS_PER_S, "30"},    {60 * NS_PER_S, "60"},
    {120 * NS_PER_S, "120"},
};
#define DURATION                                                                                   \
    .type = METRIC_HISTOGRAM, .buckets = durations, .buckets_n = ARRAY_SIZE(durations),            \
    .unit = NS_PER_S

static const struct metric_bucket amounts[] = {
    {1, "1"},   {2, "2"},     {4, "4"},     {8, "8"},     {16, "16"},     {32, "32"},
    {64, "64"}, {128, "128"}, {256, "256"}, {512, "512"}, {1024, "1024"},
};
#define AMOUNT .type = METRIC_HISTOGRAM, .buckets = amounts, .buckets_n = ARRAY_SIZE(amounts)

const struct metric_row metric_rows[METRIC_COUNT] = {
    [METRIC_CONNECTIONS] = {.name = "connections_total",
                            .type = METRIC_COUNTER,
                            .help = "Connections, also those that were refused.",
                            .labels = {LABEL("protocol", "smtp", "imap", "web", OTHER),
                                       LABEL("service", SERVICES)},
                            .slots = 16},
    [METRIC_CONNECTIONS_OPEN] = {.name = "connections_open",
                                 .type = METRIC_GAUGE,
                                 .help = "Open connections.",
                                 .labels = {LABEL("protocol", "smtp", "imap", "web", OTHER),
                                            LABEL("service", SERVICES)},
                                 .slots = 16},
    [METRIC_CONNECTIONS_REFUSED] =
        {.name = "connections_refused_total",
         .type = METRIC_COUNTER,
         .help = "Connections closed without a greeting, by the limit or fault that did it.",
         .labels = {LABEL("service", SERVICES), LABEL("reason", "rate", "open", "authfailures",
                                                      "busy", "proxy", "stopping", OTHER)},
         .slots = 64},
    [METRIC_SMTP_COMMAND] = {.name = "smtp_command_duration_seconds",
                             DURATION,
                             .help = "SMTP commands by result, and how long they took.",
                             .labels = {LABEL("kind", SMTP_KINDS),
                                        LABEL("cmd", "ehlo", "helo", "starttls", "auth", "mail",
                                              "rcpt", "data", "bdat", "rset", "noop", "help",
                                              "vrfy", "expn", "quit", "xclient", OTHER),
                                        {"code", METRIC_LABEL_CODE, NULL, 0},
                                        {"ecode", METRIC_LABEL_ECODE, NULL, 0}},
                             .slots = 512},
    [METRIC_SMTP_DELIVERIES] = {.name = "smtp_deliveries_total",
                                .type = METRIC_COUNTER,
                                .help = "Incoming messages by what became of them.",
                                .labels = {LABEL("result", "delivered", "reject", "unknownuser",
                                                 "accounterror", "delivererror", "checkrates",
                                                 "highrate", OTHER)},
                                .slots = 8},
    [METRIC_SMTP_SUBMISSIONS] = {.name = "smtp_submissions_total",
                                 .type = METRIC_COUNTER,
                                 .help = "Submitted messages by what became of them.",
                                 .labels = {LABEL("result", "ok", "badmessage", "badfrom",
                                                  "badheader", "messagelimiterror",
                                                  "recipientlimiterror", "missingsmtputf8",
                                                  "localserveerror", "queueerror", OTHER)},
                                 .slots = 10},
    [METRIC_STARTTLS] = {.name = "starttls_total",
                         .type = METRIC_COUNTER,
                         .help = "TLS handshakes after STARTTLS that were begun.",
                         .labels = {LABEL("service", SERVICES)},
                         .slots = 8},
    [METRIC_STARTTLS_ERRORS] =
        {.name = "starttls_errors_total",
         .type = METRIC_COUNTER,
         .help = "TLS handshakes after STARTTLS that failed.",
         .labels = {LABEL(
             "reason", "eof", "sslv2", "unsupportedversions", "nottls", "alert-0-close-notify",
             "alert-10-unexpected-message", "alert-20-bad-record-mac", "alert-22-record-overflow",
             "alert-40-handshake-failure", "alert-42-bad-certificate",
             "alert-43-unsupported-certificate", "alert-44-certificate-revoked",
             "alert-45-certificate-expired", "alert-46-certificate-unknown",
             "alert-47-illegal-parameter", "alert-48-unknown-ca", "alert-49-access-denied",
             "alert-50-decode-error", "alert-51-decrypt-error", "alert-70-protocol-version",
             "alert-71-insufficient-security", "alert-80-internal-error", "alert-90-user-canceled",
             "alert-109-missing-extension", "alert-110-unsupported-extension",
             "alert-112-unrecognized-name", "alert-116-certificate-required",
             "alert-120-no-application-protocol", "other")},
         .slots = 30},
    [METRIC_AUTHENTICATIONS] = {.name = "authentications_total",
                                .type = METRIC_COUNTER,
                                .help = "Attempts to log in.",
                                .labels = {LABEL("kind", "submission", "imap", "web", OTHER),
                                           LABEL("variant", "plain", "login", "cram-md5",
                                                 "scram-sha-1", "scram-sha-1-plus", "scram-sha-256",
                                                 "scram-sha-256-plus", "external", "tlsclientauth",
                                                 "weblogin", "websession", "(unrecognized)"),
                                           LABEL("result", "ok", "badcreds", "badchanbind",
                                                 "badprotocol", "logindisabled", "aborted",
                                                 "error")},
                                .slots = 160},
    [METRIC_AUTH_RATE_LIMITED] = {.name = "authentications_rate_limited_total",
                                  .type = METRIC_COUNTER,
                                  .help = "Connections and attempts refused because their address "
                                          "failed too often.",
                                  .labels = {LABEL("kind", "submission", "imap", "web", OTHER)},
                                  .slots = 4},
    [METRIC_INTERNAL_FAULTS] = {.name = "internal_faults_total",
                                .type = METRIC_COUNTER,
                                .help = "Commands that failed for a reason of our own.",
                                .labels = {LABEL("component", "smtp", "imap", "store", "web",
                                                 OTHER)},
                                .slots = 5},

    [METRIC_IMAP_COMMAND] =
        {.name = "imap_command_duration_seconds",
         DURATION,
         .help = "IMAP commands by result, and how long they took.",
         .labels = {LABEL("cmd", "append", "authenticate", "capability", "check", "close",
                          "copy", "create", "delete", "enable", "examine", "expunge", "fetch", "id",
                          "idle", "list", "login", "logout", "lsub", "move", "namespace",
                          "noop", "rename", "search", "select", "starttls", "status",
                          "store", "subscribe", "uid copy", "uid expunge", "uid fetch", "uid move",
                          "uid search", "uid store", "unselect", "unsubscribe", OTHER),
                    LABEL("result", "ok", "no", "bad")},
         .slots = 111},

    [METRIC_STORE_COMMITS] = {.name = "store_commits_total",
                              .type = METRIC_COUNTER,
                              .help = "Commits to the databases; each is one flush to disk.",
                              .labels = {LABEL("result", "ok", "failed")},
                              .slots = 2},
    [METRIC_STORE_COMMIT_WRITES] = {.name = "store_commit_writes",
                                    AMOUNT,
                                    .help = "Writes that shared one commit.",
                                    .slots = 1},
    [METRIC_STORE_COMMIT_DURATION] = {.name = "store_commit_duration_seconds",
                                      DURATION,
                                      .help = "How long a commit took, with its flushes.",
                                      .slots = 1},
    [METRIC_STORE_QUEUE] = {.name = "store_queue_length",
                            .type = METRIC_GAUGE,
                            .help = "Writes that wait for a commit.",
                            .slots = 1},
    [METRIC_STORE_WRITES] = {.name = "store_writes_total",
                             .type = METRIC_COUNTER,
                             .help = "Writes made durable.",
                             .slots = 1},
    [METRIC_METRICS_DROPPED] = {.name = "metrics_dropped_total",
                                .type = METRIC_COUNTER,
                                .help = "Events not counted because their family has no room for "
                                        "more combinations of labels.",
                                .slots = 1},
};
