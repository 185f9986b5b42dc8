/* SPDX-License-Identifier: Apache-2.0 */
/* Host functions over a certificate plan: only while one is filled. */
#include "core/ext/host_part.h"
#include "core/pki/plan.h"

enum chy_rc chy_host_plan_san(struct chy_ctx *cx, struct chy_cert_plan *p, GENERAL_NAME *gn)
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_san") != CHY_OK) {
        /* The plan would own it; nobody else will. */
        GENERAL_NAME_free(gn);
        return CHY_ERR;
    }
    return chy_plan_san(cx, p, gn);
}

enum chy_rc chy_host_plan_ext(struct chy_ctx *cx, struct chy_cert_plan *p, const char *oid,
                              bool critical, const uint8_t *der, size_t n)
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_ext") != CHY_OK)
        return CHY_ERR;
    return chy_plan_ext(cx, p, oid, critical, der, n);
}

enum chy_rc chy_host_plan_subject(struct chy_ctx *cx, struct chy_cert_plan *p,
                                  const char *attribute, const char *value)
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_subject") != CHY_OK)
        return CHY_ERR;
    return chy_plan_subject(cx, p, attribute, value);
}

enum chy_rc chy_host_plan_usage(struct chy_ctx *cx, struct chy_cert_plan *p, const char *ku_and_eku)
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_usage") != CHY_OK)
        return CHY_ERR;
    return chy_plan_usage(cx, p, ku_and_eku);
}

enum chy_rc chy_host_plan_ca(struct chy_ctx *cx, struct chy_cert_plan *p, int path_len)
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_ca") != CHY_OK)
        return CHY_ERR;
    return chy_plan_ca(cx, p, path_len);
}

enum chy_rc chy_host_plan_validity(struct chy_ctx *cx, struct chy_cert_plan *p, time_t not_before,
                                   time_t not_after)
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_validity") != CHY_OK)
        return CHY_ERR;
    return chy_plan_validity(cx, p, not_before, not_after);
}

enum chy_rc chy_host_plan_key_must_be(struct chy_ctx *cx, struct chy_cert_plan *p,
                                      const uint8_t spki_sha256[32])
{
    if (chy_host_allow(cx, CHY_AT(ISSUE), "plan_key_must_be") != CHY_OK)
        return CHY_ERR;
    return chy_plan_key_must_be(cx, p, spki_sha256);
}
