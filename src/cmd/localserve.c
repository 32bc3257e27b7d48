/* A file "setup-pending" stands in the directory from its making until the account exists: so a
 * first start that failed, for example over a port, is simply repeated. */
#include "cmd/localserve.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/certificate.h"

#define FIRST_LINE "# Configuration of godwit localserve"

static bool has_ipv6_loopback(void)
{
    _cleanup_fd_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    return fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static int make_directories(char *path, struct err *err)
{
    for (char *p = path + 1;; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            return err_errno(err, errno, "cannot make the directory %s", path);
        *p = c;
        if (c == '\0')
            return 0;
    }
}

static int path_failed(const char *path, struct err *err)
{
    return err_errno(err, errno, "cannot write %s", path);
}

/* Whether there is nothing in it. */
static int is_empty(const char *directory, bool *out, struct err *err)
{
    DIR *dir = opendir(directory);
    const struct dirent *entry;

    if (!dir)
        return err_errno(err, errno, "cannot look into %s", directory);
    *out = true;
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            *out = false;
    (void)closedir(dir);
    return 0;
}

static bool is_ours(const char *config_path)
{
    char line[sizeof(FIRST_LINE)] = "";
    _cleanup_fd_ int fd = open(config_path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, line, sizeof(line) - 1) == (ssize_t)sizeof(line) - 1 &&
           strcmp(line, FIRST_LINE) == 0;
}

static const char *pending_path(const struct localserve *l, char *buf, size_t size)
{
    (void)snprintf(buf, size, "%s/setup-pending", l->directory);
    return buf;
}

static int write_config(const struct localserve *l, struct err *err)
{
    unsigned base = l->base_port;
    char addresses[128];
    FILE *file = fopen(l->config_path, "we");

    if (!file)
        return path_failed(l->config_path, err);
    if (l->ip)
        (void)snprintf(addresses, sizeof(addresses), "\"%s\"", l->ip);
    else
        (void)snprintf(addresses, sizeof(addresses), "\"127.0.0.1\"%s",
                       has_ipv6_loopback() ? ", \"::1\"" : "");
    (void)fprintf(file,
                  FIRST_LINE
                  ", written at its first start and read at every start.\n"
                  "# You may change it; all keys: godwit config describe, godwit.conf(5).\n\n"
                  "hostname = \"localhost\"\n"
                  "data_directory = \"data\"\n"
                  "# Passwords may be sent without TLS: this server is for tests on one machine.\n"
                  "plain_auth = true\n\n"
                  "log {\n    levels = \"info\"\n}\n\n"
                  "# Tests connect often from one address, and fail on purpose.\n"
                  "limits {\n"
                  "    connection_rate = {0, 0, 0}\n"
                  "    connections_open = {0, 0, 0}\n"
                  "    auth_failures = {0, 0, 0}\n"
                  "    auth_failures_day = {0, 0, 0}\n"
                  "    request_rate = {0, 0, 0}\n"
                  "    delays = false\n"
                  "}\n\n"
                  "# It works without a network.\n"
                  "dns {\n    lookups = false\n}\n\n"
                  "listener local {\n"
                  "    addresses = {%s}\n"
                  "    smtp { port = %u }\n"
                  "    submission { port = %u }\n"
                  "    submissions { port = %u }\n"
                  "    imap { port = %u }\n"
                  "    imaps { port = %u }\n"
                  "    http { port = %u }\n"
                  "    https { port = %u }\n"
                  "    tls {\n"
                  "        certificate = \"localhost.pem\"\n"
                  "        key = \"localhost.key\"\n"
                  "    }\n"
                  "}\n\n"
                  "listener metrics {\n"
                  "    addresses = {\"127.0.0.1\"}\n"
                  "    metrics { port = %u }\n"
                  "}\n",
                  addresses, base + 25, base + 587, base + 465, base + 143, base + 993, base + 80,
                  base + 443, base + 910);
    bool ok = ferror(file) == 0;

    if (fclose(file) != 0 || !ok)
        return path_failed(l->config_path, err);
    return 0;
}

static int make_new(struct localserve *l, struct err *err)
{
    char path[3200];
    int fd = open(pending_path(l, path, sizeof(path)), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return path_failed(path, err);
    (void)fd_close(fd);
    l->pending = true;
    int rc = certificate_write(l->directory, l->ip, err);

    return rc < 0 ? rc : write_config(l, err);
}

static int not_ours(const struct localserve *l, struct err *err)
{
    (void)err_set(err, ERR_INVALID,
                  "this directory is not empty and was not made by localserve: name another one "
                  "with --dir");
    return err_detail(err, "%s", l->directory);
}

int localserve_prepare(struct localserve *l, struct err *err)
{
    uint8_t octets[16];
    char path[3200];
    bool empty = true;

    if (l->ip && inet_pton(AF_INET, l->ip, octets) != 1 && inet_pton(AF_INET6, l->ip, octets) != 1)
        return err_set(err, ERR_INVALID, "--ip %s is not an IP address", l->ip);
    int rc = make_directories(l->directory, err);

    if (rc == 0)
        rc = is_empty(l->directory, &empty, err);
    if (rc < 0)
        return rc;
    (void)snprintf(l->config_path, sizeof(l->config_path), "%s/godwit.conf", l->directory);
    if (empty || access(pending_path(l, path, sizeof(path)), F_OK) == 0)
        return make_new(l, err);
    if (!is_ours(l->config_path))
        return not_ours(l, err);
    if (l->ip_given || l->port_given) {
        (void)err_set(err, ERR_INVALID,
                      "addresses and ports of this directory are settled: edit its godwit.conf, or "
                      "name another directory with --dir");
        return err_detail(err, "%s", l->config_path);
    }
    return 0;
}

void localserve_finished(struct localserve *l)
{
    char path[3200];

    (void)unlink(pending_path(l, path, sizeof(path)));
    l->pending = false;
}
