/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: do the modules load, and is the policy one that a front would take? */
#include <string.h>

#include "core/acme/rulebook.h"
#include "core/base/problem.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"

void chy_look_modules(struct chy_look *l)
{
    struct chy_registry *registry;
    char *text = chy_fmt(l->cx, "%s", "");

    if (chy_cli_modules(l->cx, l->node, &registry) != CHY_OK) {
        const char *rest, *sentence;

        chy_doctor_split(l->cx, chy_cli_reason(l->cx), &sentence, &rest);
        chy_found_refusal(l, CHY_D_FAIL,
                          chy_fmt(l->cx, "%s (%s)", rest != NULL ? rest : "install one that fits",
                                  chy_doctor_place(l->cx, l->node, "modules")));
        return;
    }
    for (size_t i = 0; i < chy_registry_count(registry); i++) {
        const struct chy_module *m = chy_registry_module(registry, i);

        text = chy_fmt(l->cx, "%s%s%s %s", text, *text != '\0' ? ", " : "", m->name, m->version);
    }
    chy_found(l, CHY_D_OK, NULL, "%s", text);
}

void chy_look_policy(struct chy_look *l)
{
    struct chy_report *report = chy_report_new(l->cx);
    const char *dir = l->node->policy_dir;
    struct chy_registry *registry;

    if (chy_cli_modules(l->cx, l->node, &registry) != CHY_OK) {
        chy_found(l, CHY_D_SKIP, NULL, "cannot be read without its modules");
        return;
    }
    if (chy_rulebook_check(l->cx, l->node, registry, report) == CHY_OK) {
        chy_found(l, CHY_D_OK, NULL, "%s is right", dir);
        return;
    }
    if (chy_report_count(report) == 0) {
        chy_found_refusal(l, CHY_D_FAIL, NULL);
        return;
    }
    chy_found(l, CHY_D_FAIL,
              chy_fmt(l->cx, "correct %s/%s ('%s' shows every mistake)", dir,
                      chy_doctor_mistake_place(l->cx, report),
                      chy_cli_line(l->cx, l->node, "policy check")),
              "%s", chy_doctor_mistakes(l->cx, report));
}
