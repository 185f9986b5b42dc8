/* SPDX-License-Identifier: Apache-2.0 */
/* Strict UTF-8 (RFC 3629). */
#ifndef CHY_BASE_UTF8_H
#define CHY_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Octets of the first character of s, and the character itself; 0 if it is not well-formed
 * (overlong, surrogate, beyond U+10FFFF, cut short) or n is 0. */
size_t chy_utf8_next(const uint8_t *s, size_t n, uint32_t *ret_rune);
bool chy_utf8_valid(const uint8_t *s, size_t n);
/* May it stand in a log line or a problem: no control, no bidirectional control, no invisible
 * separator or tag, no noncharacter. */
bool chy_utf8_printable(uint32_t rune);
/* Copy n octets of s, '?' for each that is not UTF-8, and, if printable is set, for each character
 * that is not printable.  No character is cut: a last one that is not whole is n's end, and left out.
 * out has room for n + 1; writes a NUL.  Returns the octets written. */
size_t chy_utf8_clean(char *out, const char *s, size_t n, bool printable);

#endif
