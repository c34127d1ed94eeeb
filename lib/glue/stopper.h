/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef GLUE_STOPPER_H
#define GLUE_STOPPER_H

/*
 * A call that may take seconds, made once from a thread of its own, so that
 * whoever asks for it need not wait.
 */
typedef void (*stopper_fn)(void);

/* Only the first one counts. */
void stopper_begin(stopper_fn stop);
/* Wait for it; none is begun from here on. */
void stopper_end(void);

#endif
