/* SPDX-License-Identifier: Apache-2.0 */
/* The one host table of this process. */
#ifndef CHY_EXT_HOST_H
#define CHY_EXT_HOST_H

#include "core/base/cx.h"

extern const struct chy_host chy_host_table;

#endif
