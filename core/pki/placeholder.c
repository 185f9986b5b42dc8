/* SPDX-License-Identifier: Apache-2.0 */
/* Replaced by the first source of this folder. */
typedef int chy_pki_has_no_source_yet;
