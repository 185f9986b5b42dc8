/* SPDX-License-Identifier: Apache-2.0 */
/* Named places where a test build can be killed. */
#ifndef CHY_BASE_FAULT_H
#define CHY_BASE_FAULT_H

/* In a test build: if the directory named by CHY_FAULT_DIR holds a file called name, remove it and
 * die by SIGKILL, as a power cut would.  One file kills one process once.  In a production build
 * this is nothing. */
#ifdef CHY_TESTING
void chy_fault_point(const char *name);
#else
static inline void chy_fault_point(const char *name)
{
    (void)name;
}
#endif

#endif
