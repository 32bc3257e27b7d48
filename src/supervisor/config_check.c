/* What keys mean together. All faults are collected. */
#include <arpa/inet.h>
#include <string.h>

#include "base/ascii.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "supervisor/config_private.h"
#include "supervisor/listen.h"

struct check {
    const struct config_parse *parse;
    cfg_t *tree;
};

static void complain(const struct check *c, const cfg_t *section, const char *key, const char *text,
                     const char *value)
{
    config_errors_add(c->parse->errors, c->parse->config->path,
                      key ? config_line(c->parse, section, key) : section->line, "%s: %s", value,
                      text);
}

static bool is_ip(const char *text)
{
    uint8_t octets[16];

    return inet_pton(AF_INET, text, octets) == 1 || inet_pton(AF_INET6, text, octets) == 1;
}

static bool is_hostname(const char *name)
{
    size_t n = strlen(name), label = 0;

    for (size_t i = 0; i < n; i++) {
        if (name[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (ascii_is_alnum(name[i]) || name[i] == '-') {
            label++;
        } else {
            return false;
        }
        if (label > 63)
            return false;
    }
    return n <= 253 && label > 0;
}

static void check_networks(const struct check *c, cfg_t *section, const char *key,
                           const struct config_texts *networks)
{
    struct network network;
    struct err err;

    if (networks->n > LISTEN_NETWORKS_MAX)
        complain(c, section, NULL, "has too many networks", key);
    for (size_t i = 0; i < networks->n; i++)
        if (network_parse(slice_str(networks->item[i]), &network, &err) < 0)
            complain(c, section, NULL, "is not a network such as 192.0.2.0/24", networks->item[i]);
}

static bool starttls_is(const struct config_service *service, const char *choice)
{
    return service->starttls && strcmp(service->starttls, choice) == 0;
}

static void check_service(const struct check *c, cfg_t *section, bool tls,
                          const struct config_service *service)
{
    const char *name = config_service_name(service->kind);
    bool always = service->kind == CONFIG_SUBMISSIONS || service->kind == CONFIG_IMAPS ||
                  service->kind == CONFIG_HTTPS;
    bool login = service->kind == CONFIG_SUBMISSION || service->kind == CONFIG_IMAP;

    check_networks(c, section, "xclient", &service->xclient);
    if (always && !tls)
        complain(c, section, NULL, "needs a tls section in its listener", name);
    if (login && (!tls || starttls_is(service, "off")) && !c->parse->config->plain_auth)
        complain(c, section, NULL,
                 "nobody could log in: needs starttls, and a tls section in its listener (or "
                 "plain_auth)",
                 name);
    if (starttls_is(service, "required") && !tls)
        complain(c, section, NULL,
                 "nobody could send: required starttls needs a tls section in its listener", name);
}

/* Whoever reaches the port reads the numbers. */
static void check_metrics(const struct check *c, cfg_t *section,
                          const struct config_listener *listener)
{
    struct addr address;
    struct err err;

    for (size_t i = 0; i < listener->addresses.n; i++)
        if (addr_parse_ip(slice_str(listener->addresses.item[i]), &address, &err) == 0 &&
            !addr_is_loopback(&address))
            complain(c, section, "addresses",
                     "is not of this machine only: put metrics into a listener of its own with "
                     "127.0.0.1",
                     listener->addresses.item[i]);
}

static void check_listener(const struct check *c, cfg_t *section,
                           const struct config_listener *listener)
{
    bool tls = listener->tls.certificate != NULL;

    for (size_t i = 0; i < listener->addresses.n; i++)
        if (!is_ip(listener->addresses.item[i]))
            complain(c, section, "addresses", "is not an IP address", listener->addresses.item[i]);
    if (listener->service_n == 0)
        complain(c, section, NULL, "the listener offers no service", listener->name);
    if (cfg_size(section, "tls") > 1)
        complain(c, cfg_getnsec(section, "tls", 1), NULL, "a listener has one tls section",
                 listener->name);
    for (size_t i = 0; i < listener->service_n; i++) {
        check_service(c, section, tls, &listener->service[i]);
        if (listener->service[i].kind == CONFIG_METRICS)
            check_metrics(c, section, listener);
    }
    if (listener->hostname && !is_hostname(listener->hostname))
        complain(c, section, "hostname", "is not a host name", listener->hostname);
    check_networks(c, section, "proxy_networks", &listener->proxy_networks);
}

/* The same port twice would fail only when the ports are opened. */
static void check_ports(const struct check *c, cfg_t *section,
                        const struct config_listener *listener)
{
    for (size_t i = 0; i < listener->service_n; i++)
        for (size_t j = 0; j < i; j++)
            if (listener->service[i].port == listener->service[j].port) {
                complain(c, section, NULL, "has the port of another service of the listener",
                         config_service_name(listener->service[i].kind));
                break;
            }
}

/* Different ones: certificates that several listeners share are read once. */
static void check_pairs(const struct check *c)
{
    const struct config *config = c->parse->config;
    size_t n = 0;

    for (size_t i = 0; i < config->listener_n; i++) {
        const struct config_tls *tls = &config->listener[i].tls;
        bool known = tls->certificate == NULL;

        for (size_t k = 0; k < i && !known; k++)
            known = config->listener[k].tls.certificate &&
                    config_tls_same(tls, &config->listener[k].tls);
        n += !known;
    }
    if (n > CONFIG_TLS_MAX)
        config_errors_add(c->parse->errors, config->path, 0,
                          "there are more than %d different certificates", CONFIG_TLS_MAX);
}

static void check_levels(const struct check *c)
{
    struct log *log = log_new(STDERR_FILENO, false, NULL);
    struct err err;

    if (log && log_set_levels(log, slice_str(c->parse->config->log_levels), &err) < 0)
        complain(c, cfg_getsec(c->tree, "log"), "levels", err.text, "levels");
    log_free(log);
}

uint16_t config_dns_port(const char *text)
{
    const char *space = strrchr(text, ' ');
    struct slice s = slice_str(space ? space + 1 : text);
    size_t at = slice_find_byte(s, '@');
    char ip[64];
    uint64_t port = 53;

    (void)snprintf(ip, sizeof(ip), "%.*s", SLICE_FMT(slice_sub(s, 0, at)));
    if (at != SIZE_MAX && !num_parse(slice_from(s, at + 1), UINT16_MAX, &port))
        return 0;
    return is_ip(ip) ? (uint16_t)port : 0;
}

static void check_dns_texts(const struct check *c, const char *key,
                            const struct config_texts *texts)
{
    cfg_t *section = cfg_getsec(c->tree, "dns");
    bool zones = strcmp(key, "zones") == 0;

    if (texts->n > CONFIG_DNS_MAX)
        complain(c, section, key, "has too many entries", key);
    for (size_t i = 0; i < texts->n; i++) {
        const char *text = texts->item[i], *space = strchr(text, ' ');

        if (config_dns_port(text) == 0 || (space != NULL) != zones ||
            (space != NULL && strchr(space + 1, ' ') != NULL))
            complain(c, section, key,
                     zones ? "is not ZONE ADDRESS@PORT" : "is not ADDRESS or ADDRESS@PORT", text);
    }
}

static void check_dns(const struct check *c)
{
    const struct config_dns *dns = &c->parse->config->dns;

    check_dns_texts(c, "forward_to", &dns->forward_to);
    check_dns_texts(c, "zones", &dns->zones);
    for (size_t i = 0; i < dns->zone_anchors.n; i++)
        if (strstr(dns->zone_anchors.item[i], " DS ") == NULL &&
            strstr(dns->zone_anchors.item[i], " DNSKEY ") == NULL)
            complain(c, cfg_getsec(c->tree, "dns"), "zone_anchors",
                     "is not a record of type DS or DNSKEY", dns->zone_anchors.item[i]);
}

void config_check(struct config_parse *parse, cfg_t *tree)
{
    const struct check c = {parse, tree};
    const struct config *config = parse->config;

    if (!is_hostname(config->hostname))
        complain(&c, tree, "hostname", "is not a host name", config->hostname);
    check_levels(&c);
    check_dns(&c);
    if (config->listener_n == 0)
        config_errors_add(parse->errors, config->path, 0,
                          "there is no listener: add one, see `godwit config describe`");
    for (size_t i = 0; i < config->listener_n; i++) {
        cfg_t *section = cfg_getnsec(tree, "listener", (unsigned)i);

        check_listener(&c, section, &config->listener[i]);
        check_ports(&c, section, &config->listener[i]);
    }
    check_pairs(&c);
    if (config->process[CONFIG_STORE].count != 1)
        config_errors_add(parse->errors, config->path, 0, "there is always one store process");
    if (config->process[CONFIG_KEYS].count != 1)
        config_errors_add(parse->errors, config->path, 0, "there is always one keys process");
}
