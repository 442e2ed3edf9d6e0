#include "health/outlier.h"

#include <assert.h>

static uint64_t rest_of(const struct outlier *o, const struct outlier_settings *limits)
{
    uint64_t rest = limits->rest_ms * o->ejections;

    return rest < limits->rest_max_ms ? rest : limits->rest_max_ms;
}

void outlier_eject(struct outlier *o, const struct outlier_settings *limits, uint64_t now)
{
    o->state = OUTLIER_OPEN;
    o->failures = 0;
    o->probing = false;
    o->epoch++;
    o->ejections++;
    o->until_ms = now + rest_of(o, limits);
}

bool outlier_allows(struct outlier *o, uint64_t now)
{
    if (o->state == OUTLIER_OPEN && now >= o->until_ms) {
        o->state = OUTLIER_HALF_OPEN;
        o->probing = false;
    }
    return o->state == OUTLIER_CLOSED || (o->state == OUTLIER_HALF_OPEN && !o->probing);
}

uint32_t outlier_enter(struct outlier *o)
{
    if (o->state == OUTLIER_HALF_OPEN)
        o->probing = true;
    return o->epoch;
}

/* An instance that stays well for a rest's length is forgiven one ejection. */
static void forgive(struct outlier *o, const struct outlier_settings *limits,
                    uint64_t now)
{
    if (o->ejections == 0 || now < o->until_ms)
        return;
    o->ejections--;
    o->until_ms = now + limits->rest_ms;
}

static void close_again(struct outlier *o, const struct outlier_settings *limits,
                        uint64_t now)
{
    o->state = OUTLIER_CLOSED;
    o->failures = 0;
    o->probing = false;
    o->epoch++;
    o->until_ms = now + limits->rest_ms;
}

static bool report_failure(struct outlier *o, const struct outlier_settings *limits,
                           uint64_t now)
{
    if (o->state == OUTLIER_CLOSED && ++o->failures < limits->failures)
        return false;
    outlier_eject(o, limits, now);
    return true;
}

bool outlier_report(struct outlier *o, const struct outlier_settings *limits,
                    uint64_t now, uint32_t ticket, enum outlier_outcome outcome)
{
    if (limits->failures == 0 || ticket != o->epoch || o->state == OUTLIER_OPEN)
        return false;
    switch (outcome) {
    case OUTCOME_OK:
        if (o->state == OUTLIER_HALF_OPEN)
            close_again(o, limits, now);
        o->failures = 0;
        forgive(o, limits, now);
        return false;
    case OUTCOME_FAILED:
        return report_failure(o, limits, now);
    case OUTCOME_NEITHER:
        o->probing = false;
        return false;
    }
    return false;
}
