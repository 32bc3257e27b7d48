/* A composed message to the configured server. */
#pragma once

#include "sendmail/compose.h"
#include "sendmail/settings.h"
#include "smtp/client/client.h"

struct submit_job {
    const struct sendmail_settings *settings;
    const struct compose_message *message;
    struct slice sender; /* empty: the null sender */
    struct slice notify, ret, envid;
    struct arena *arena;
};

/* Connects, logs in, sends; over more connections when the server wants that. Every recipient has
 * an outcome afterwards, whatever happened. */
void submit(const struct submit_job *job, struct smtpc_recipient *recipients, size_t n);
