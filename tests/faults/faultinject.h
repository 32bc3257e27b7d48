/* What a test that links the library (instead of preloading it) calls. See faultinject.c. */
#pragma once

/* Watches files below `path` from now on; `undo_log` may be NULL. */
void faultinject_configure(const char *path, const char *undo_log);
/* A plan as in the environment; "" ends it. Returns how often the plan before has struck. */
unsigned faultinject_plan(const char *plan);

/* Takes back everything in the log that was not synced: as after a power cut. 0, or -1. */
int faultundo_apply(const char *undo_log);
