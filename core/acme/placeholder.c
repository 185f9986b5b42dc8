/* SPDX-License-Identifier: Apache-2.0 */
/* Replaced by the first source of this folder. */
typedef int chy_acme_has_no_source_yet;
