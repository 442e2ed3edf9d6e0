/* log_timestamp() of log.h, without gmtime_r(): that takes a lock, and every access-log
 * line comes through here. */
#include "sidecar/core/log.h"

enum { DAY_MS = 86400000, DAYS_TO_1970 = 719468, ERA_DAYS = 146097 };

static char *put_number(char *out, uint64_t value, unsigned digits, char after)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    out[digits] = after;
    return out + digits + 1;
}

/* Days since 1970 to a civil date, in years that begin in March and eras of 400 years
 * (H. Hinnant, "chrono-compatible low-level date algorithms"). */
static char *put_date(char *out, uint64_t days)
{
    uint64_t since = days + DAYS_TO_1970;
    uint64_t era = since / ERA_DAYS;
    uint64_t day_of_era = since % ERA_DAYS;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153;
    bool after_december = month >= 10;

    out = put_number(out, era * 400 + year_of_era + after_december, 4, '-');
    out = put_number(out, after_december ? month - 9 : month + 3, 2, '-');
    return put_number(out, day_of_year - (153 * month + 2) / 5 + 1, 2, 'T');
}

void log_timestamp(char out[25], uint64_t wall_ms)
{
    uint64_t ms = wall_ms % DAY_MS;

    out = put_date(out, wall_ms / DAY_MS);
    out = put_number(out, ms / 3600000, 2, ':');
    out = put_number(out, ms / 60000 % 60, 2, ':');
    out = put_number(out, ms / 1000 % 60, 2, '.');
    out = put_number(out, ms % 1000, 3, 'Z');
    *out = '\0';
}
