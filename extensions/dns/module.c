/* SPDX-License-Identifier: Apache-2.0 */
/* The dns module: descriptor. */
#include <chancery/extension.h>

const struct chy_module chy_module = {CHY_MODULE("dns", "0.1")};
