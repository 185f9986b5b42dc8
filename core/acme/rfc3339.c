/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 section 5.6, read by hand: strptime and timegm take much more than that grammar.  Not
 * here: writing (core/base/clock.h) and what may be asked for. */
#include "core/acme/rfc3339.h"

#include <stdint.h>

#define LAST_SECOND 253402300799 /* of the year 9999, the last that four digits can name */

struct cursor {
    const char *p, *end;
};

/* Exactly n digits, value within min..max; -1 otherwise. */
static int take_number(struct cursor *c, int n, int min, int max)
{
    int value = 0;

    if (c->end - c->p < n)
        return -1;
    for (int i = 0; i < n; i++) {
        char d = *c->p++;

        if (d < '0' || d > '9')
            return -1;
        value = value * 10 + (d - '0');
    }
    return value >= min && value <= max ? value : -1;
}

static bool take(struct cursor *c, char one, char other)
{
    if (c->p == c->end || (*c->p != one && *c->p != other))
        return false;
    c->p++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar. */
static int64_t days_from_epoch(int year, int month, int day)
{
    int64_t y = year - (month <= 2); /* years begin in March, so that a leap day is the last */
    int64_t m = month <= 2 ? month + 9 : month - 3;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * m + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static bool take_date(struct cursor *c, int64_t *seconds)
{
    int year, month, day;

    if ((year = take_number(c, 4, 0, 9999)) < 0 || !take(c, '-', '-') ||
        (month = take_number(c, 2, 1, 12)) < 0 || !take(c, '-', '-') ||
        (day = take_number(c, 2, 1, days_in_month(year, month))) < 0)
        return false;
    *seconds += days_from_epoch(year, month, day) * 86400;
    return true;
}

static bool take_time(struct cursor *c, int64_t *seconds)
{
    int hour, minute, second;

    if ((hour = take_number(c, 2, 0, 23)) < 0 || !take(c, ':', ':') ||
        (minute = take_number(c, 2, 0, 59)) < 0 || !take(c, ':', ':') ||
        (second = take_number(c, 2, 0, 59)) < 0)
        return false;
    *seconds += hour * 3600 + minute * 60 + second;
    return true;
}

static bool take_fraction(struct cursor *c)
{
    int digits = 0;

    if (!take(c, '.', '.'))
        return true;
    while (take(c, '0', '0'))
        digits++;
    return digits >= 1 && digits <= 9;
}

static bool take_offset(struct cursor *c, int64_t *seconds)
{
    int hour, minute, sign;

    if (take(c, 'Z', 'z'))
        return true;
    if (c->p == c->end)
        return false;
    sign = *c->p == '+' ? 1 : -1;
    if (!take(c, '+', '-') || (hour = take_number(c, 2, 0, 23)) < 0 || !take(c, ':', ':') ||
        (minute = take_number(c, 2, 0, 59)) < 0)
        return false;
    *seconds -= sign * (hour * 3600 + minute * 60);
    return true;
}

bool chy_time_read(const char *s, size_t n, time_t *ret)
{
    struct cursor c = {s, s + n};
    int64_t seconds = 0;

    if (!take_date(&c, &seconds) || !take(&c, 'T', 't') || !take_time(&c, &seconds) ||
        !take_fraction(&c) || !take_offset(&c, &seconds) || c.p != c.end)
        return false;
    if (seconds < 0 || seconds > LAST_SECOND)
        return false;
    *ret = (time_t)seconds;
    return true;
}
