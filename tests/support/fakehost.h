/* SPDX-License-Identifier: Apache-2.0 */
/* A host table for modules under test: arena, movable clock, scripted DNS and HTTP answers. */
#ifndef CHY_TESTS_FAKEHOST_H
#define CHY_TESTS_FAKEHOST_H

#include "core/base/cx.h"

/* A context with an arena and the fake host's clock at 2026-11-24T10:00:00Z. */
struct chy_ctx *fake_cx_new(enum chy_stage stage);
void fake_cx_free(struct chy_ctx *cx);

#endif
