/* SPDX-License-Identifier: Apache-2.0 */
/* chancery doctor: what is wrong with this node, in words, each with what mends it.  It looks at what
 * runs and at what does not run, and changes nothing. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/env.h"
#include "core/base/problem.h"
#include "services/chancery/commands.h"
#include "services/chancery/doctor.h"
#include "services/chancery/options.h"

#define SLOW "the disk or the machine is very slow"

static const struct chy_check checks[] = {
    {"places", CHY_AS_CALLER, 5000, SLOW, chy_look_places},
    {"disk", CHY_AS_CALLER, 5000, "a file system does not answer", chy_look_disk},
    {"secrets", CHY_AS_CALLER, 5000, SLOW, chy_look_secrets},
    {"separation", CHY_AS_CALLER, 5000, SLOW, chy_look_separation},
    {"listener", CHY_AS_SERVICE, 5000, SLOW, chy_look_listener},
    {"issuer", CHY_AS_SIGNER, 10000, SLOW, chy_look_issuers},
    {"modules", CHY_AS_SERVICE, 10000, "a module does not come back from its init",
     chy_look_modules},
    {"policy", CHY_AS_SERVICE, 20000, SLOW, chy_look_policy},
    {"ceilings", CHY_AS_SERVICE, 20000, SLOW, chy_look_ceilings},
    {"cluster", CHY_AS_SERVICE, 5000, SLOW, chy_look_cluster},
    {"database", CHY_AS_SERVICE, 12000, "it takes connections but does not answer on them",
     chy_look_database},
    {"clock", CHY_AS_SERVICE, 12000, "the database, whose clock is compared, does not answer",
     chy_look_clock},
    {"resolver", CHY_AS_SERVICE, 15000, "name servers do not answer", chy_look_resolver},
    {"ports", CHY_AS_CALLER, 5000, SLOW, chy_look_ports},
    {"processes", CHY_AS_CALLER, 5000, SLOW, chy_look_processes},
    {"directory", CHY_AS_CALLER, 8000, "the front takes connections but does not answer on them",
     chy_look_directory},
};
#define CHECKS (sizeof checks / sizeof checks[0])

static void print_finding(const json_t *f)
{
    const char *mend = json_string_value(json_object_get(f, "mend"));

    printf("%-4s  %-13s  %s\n", json_string_value(json_object_get(f, "verdict")),
           json_string_value(json_object_get(f, "name")),
           json_string_value(json_object_get(f, "text")));
    if (mend != NULL)
        printf("%21smend: %s\n", "", mend);
}

/* Exit code: 1 if anything failed. */
static int report(const char *path, const json_t *findings, bool as_json)
{
    const json_t *f;
    bool failed = false;
    size_t i;

    json_array_foreach(findings, i, f) failed =
        failed || strcmp(json_string_value(json_object_get(f, "verdict")), "FAIL") == 0;
    if (as_json) {
        json_t *all = json_pack("{s:b, s:s, s:s, s:O}", "ok", !failed, "version", CHY_VERSION,
                                "node", path, "checks", findings);

        json_dumpf(all, stdout, JSON_INDENT(2));
        printf("\n");
        json_decref(all);
    } else {
        json_array_foreach(findings, i, f) print_finding(f);
    }
    return failed ? 1 : 0;
}

static const json_t *settings_finding(struct chy_ctx *cx, const char *text, const char *mend)
{
    return chy_keep_json(cx, json_pack("[{s:s, s:s, s:s, s:s*}]", "name", "settings", "verdict",
                                       "FAIL", "text", text, "mend", mend));
}

/* NULL: it can be used.  Else the one finding that there can be. */
static const json_t *read_settings(struct chy_ctx *cx, const char *path, struct chy_node **ret)
{
    struct chy_report *report = chy_report_new(cx);
    const char *text, *mend;
    char absolute[PATH_MAX];

    if (access(path, F_OK) != 0 && errno == ENOENT)
        return settings_finding(
            cx, chy_fmt(cx, "%s: there is no such file", path),
            "chancery init && chancery up   # or name another file with --node");
    if (realpath(path, absolute) == NULL || access(absolute, R_OK) != 0)
        return settings_finding(cx, chy_fmt(cx, "%s: cannot be read: %s", path, strerror(errno)),
                                "run this as the user who made it");
    if (chy_node_read(cx, chy_fmt(cx, "%s", absolute), report, ret) == CHY_OK)
        return NULL;
    if (chy_report_count(report) > 0)
        return settings_finding(cx, chy_doctor_mistakes(cx, report),
                                chy_fmt(cx, "correct %s", chy_doctor_mistake_place(cx, report)));
    chy_doctor_split(cx, chy_cli_reason(cx), &text, &mend);
    return settings_finding(cx, text, mend);
}

static int run(struct chy_ctx *cx, int argc, char **argv)
{
    const char *node_path = NULL, *libexec = NULL;
    bool as_json = false;
    const struct chy_option options[] = {
        {"node", CHY_O_TEXT, "FILE", "node.yaml", &node_path},
        {"json", CHY_O_FLAG, NULL, "one JSON object", &as_json},
        {"libexec", CHY_O_TEXT, "DIR", "where chancery-signer and the others are", &libexec},
        {NULL},
    };
    const json_t *wrong;
    struct chy_node *node;
    int code;

    if (!chy_options_read(cx, &chy_cmd_doctor, options, argc, argv, &code))
        return code;
    if (node_path == NULL)
        node_path = chy_env_node_path(cx);
    wrong = read_settings(cx, node_path, &node);
    if (wrong != NULL)
        return report(node_path, wrong, as_json);
    return report(node->path, chy_doctor_run(cx, node, libexec, checks, CHECKS), as_json);
}

const struct chy_command chy_cmd_doctor = {
    .name = "doctor",
    .help = "what is wrong, and what mends it; exit code 0 if nothing failed",
    .run = run,
};
