#include "discovery/complaints.h"

#include "sidecar/core/map.h"

static bool was_logged(const struct complaints *c, uint32_t hash)
{
    for (unsigned i = 0; i < COMPLAINTS_KEPT; i++)
        if (c->logged[i] == hash)
            return true;
    return false;
}

static bool is_quiet(struct complaints *c, uint64_t now)
{
    if (now >= c->quiet_until)
        c->burst = 0;
    return c->burst >= COMPLAINTS_BURST;
}

bool complaints_may_log(struct complaints *c, uint64_t now, struct slice who,
                        struct slice what, unsigned *held_back)
{
    uint32_t hash = hash_bytes(who) * 31 + hash_bytes(what);

    if (was_logged(c, hash))
        return false;
    if (is_quiet(c, now)) {
        c->held_back++;
        return false;
    }
    c->logged[c->next++ % COMPLAINTS_KEPT] = hash;
    c->burst++;
    c->quiet_until = now + COMPLAINTS_PAUSE_MS;
    *held_back = c->held_back;
    c->held_back = 0;
    return true;
}
