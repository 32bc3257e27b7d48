/* What happened, told to the processes that watch. Each process (group) has one event channel.
 *
 * Publishing only notes, per group and account, the newest mod-sequence, and rings: the channel's
 * owner on the event loop sends what is noted. A channel that is full loses nothing: later events
 * of an account replace its earlier one. Any thread may call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct store_events;

struct store_events *events_new(void); /* NULL: out of memory */
void events_free(struct store_events *e);

/* Gives a group its channel: ring(owner) is called whenever there is something to send, from any
 * thread, under no lock of the caller. */
int events_group_add(struct store_events *e, uint32_t group, void (*ring)(void *owner), void *owner,
                     struct err *err) WARN_UNUSED;
/* After this ring is not called any more. Also forgets the watches of the group. */
void events_group_remove(struct store_events *e, uint32_t group);

/* Watches count. Before events_group_add they are refused (false). */
bool events_watch(struct store_events *e, uint32_t group, int64_t account_id);
void events_unwatch(struct store_events *e, uint32_t group, int64_t account_id, uint32_t times);

void events_publish(struct store_events *e, int64_t account_id, uint64_t modseq);
/* For a group whose session of the account was ended, watched or not. */
void events_session_ended(struct store_events *e, uint32_t group, int64_t account_id);

struct store_event {
    int64_t account_id;
    uint64_t modseq;
    bool session_ended;
};
/* The next thing to send to the group; false when there is none. What could not be sent is put back
 * with events_return. */
bool events_take(struct store_events *e, uint32_t group, struct store_event *out);
void events_return(struct store_events *e, uint32_t group, const struct store_event *event);
