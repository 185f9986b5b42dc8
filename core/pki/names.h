/* SPDX-License-Identifier: Apache-2.0 */
/* GeneralNames and OIDs as text. */
#ifndef CHY_PKI_NAMES_H
#define CHY_PKI_NAMES_H

#include "core/base/cx.h"

/* Dotted decimal; NULL if it is longer than any sensible one (100 characters). */
char *chy_oid_text(struct chy_ctx *cx, const ASN1_OBJECT *oid);
/* Its choice in RFC 5280 section 4.2.1.6: "dNSName", "iPAddress", ..; "otherName:OID" with its
 * type. NULL where chy_oid_text gives NULL. */
const char *chy_general_name_kind(struct chy_ctx *cx, const GENERAL_NAME *gn);
/* "dNSName:www.example.org", "iPAddress:192.0.2.1"; what has no text is base64url of its DER. */
char *chy_general_name_text(struct chy_ctx *cx, const GENERAL_NAME *gn);
/* Why a name's value cannot be one of its kind (core.md F-08), or NULL. */
const char *chy_general_name_fault(const GENERAL_NAME *gn);

#endif
