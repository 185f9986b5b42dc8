/* SPDX-License-Identifier: Apache-2.0 */
/* Telling whoever started this process that it is ready: one octet on a descriptor that was inherited. */
#ifndef CHY_BASE_READY_H
#define CHY_BASE_READY_H

#define CHY_READY_FD 3 /* where the one who starts puts it */

/* In a child, before it becomes the program: the program is to tell. */
void chy_ready_expect(void);
/* In the program: tell, once; nothing if nobody waits. */
void chy_ready_tell(void);

#endif
