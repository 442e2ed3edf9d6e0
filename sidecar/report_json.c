#include "sidecar/report_json.h"

static double bucket_floor(unsigned at)
{
    return at ? latency_bounds_ms[at - 1] : 0;
}

/* As if the requests of a bucket were spread evenly over it; the last has no end. */
static double within_bucket(unsigned at, double share)
{
    double low = bucket_floor(at);

    if (at == LATENCY_BUCKETS - 1)
        return low;
    return low + (latency_bounds_ms[at] - low) * share;
}

double stats_percentile(const struct service_stats *s, double percent)
{
    double all = 0, sum = 0, wanted;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        all += (double)s->latency[i];
    wanted = all * percent / 100;
    for (unsigned i = 0; i < LATENCY_BUCKETS && all > 0; i++) {
        double here = (double)s->latency[i];

        if (here > 0 && sum + here >= wanted)
            return within_bucket(i, (wanted - sum) / here);
        sum += here;
    }
    return 0;
}

static double rounded(double ms)
{
    return (double)(uint64_t)(ms * 100 + 0.5) / 100;
}

static double mean(const struct service_stats *s)
{
    return s->requests ? (double)s->latency_sum_ms / (double)s->requests : 0;
}

static json_t *latency_json(const struct service_stats *s)
{
    return json_pack("{s:f, s:f, s:f, s:f}", "mean", rounded(mean(s)), "p50",
                     rounded(stats_percentile(s, 50)), "p90",
                     rounded(stats_percentile(s, 90)), "p99",
                     rounded(stats_percentile(s, 99)));
}

static json_t *errors_json(const struct service_stats *s)
{
    json_t *out = json_object();

    for (enum err e = ERR_OK + 1; out && e < ERR_COUNT; e++)
        if (s->by_error[e])
            json_object_set_new(out, err_code(e),
                                json_integer((json_int_t)s->by_error[e]));
    return out;
}

static json_t *classes_json(const struct service_stats *s)
{
    static const char *const names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    json_t *out = json_object();

    for (unsigned i = 0; out && i < 6; i++)
        json_object_set_new(out, names[i], json_integer((json_int_t)s->by_class[i]));
    return out;
}

static void add_counts(json_t *out, const struct service_stats *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"attempts",              s->attempts             },
        {"retries",               s->retries              },
        {"retries_denied_budget", s->retries_denied_budget},
        {"ejections",             s->ejections            },
        {"connects",              s->connects             },
        {"reuses",                s->reuses               },
        {"bytes_in",              s->bytes_in             },
        {"bytes_out",             s->bytes_out            },
    };

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        json_object_set_new(out, counts[i].name,
                            json_integer((json_int_t)counts[i].value));
}

static json_t *service_json(const struct report_service *s)
{
    json_t *out =
        json_pack("{s:s, s:b, s:I, s:o, s:o, s:o, s:i, s:i, s:f}", "name", s->name,
                  "inbound", s->inbound, "requests", (json_int_t)s->stats.requests,
                  "classes", classes_json(&s->stats), "errors", errors_json(&s->stats),
                  "latency_ms", latency_json(&s->stats), "in_flight", (int)s->in_flight,
                  "waiting", (int)s->waiting, "retry_tokens", rounded(s->retry_tokens));

    if (out)
        add_counts(out, &s->stats);
    return out;
}

json_t *report_stats_json(const struct report *r)
{
    json_t *out = json_array();

    for (uint32_t i = 0; out && r && i < r->service_count; i++)
        if (r->services[i].stats.requests || r->services[i].in_flight)
            json_array_append_new(out, service_json(&r->services[i]));
    return out;
}

/* ---- pools ---- */

static const char *state_of(const struct report_instance *i)
{
    static const char *const names[] = {
        [OUTLIER_CLOSED] = "up",
        [OUTLIER_OPEN] = "ejected",
        [OUTLIER_HALF_OPEN] = "half_open",
    };

    return i->draining ? "draining" : names[i->state];
}

static json_t *instance_json(const struct report_instance *i)
{
    return json_pack("{s:s, s:s, s:s, s:i, s:I, s:i, s:i, s:i, s:I, s:I, s:I, s:f}", "id",
                     i->id, "address", i->address, "state", state_of(i), "ejections",
                     (int)i->ejections, "rest_left_ms", (json_int_t)i->rest_left_ms,
                     "weight", (int)i->weight, "in_flight", (int)i->in_flight, "idle",
                     (int)i->idle, "idle_limit_ms", (json_int_t)i->idle_limit_ms,
                     "requests", (json_int_t)i->requests, "failures",
                     (json_int_t)i->failures, "ewma_ms", rounded(i->ewma_us / 1000));
}

static json_t *pool_json(const struct report_service *s)
{
    json_t *instances = json_array();

    for (uint32_t i = 0; instances && i < s->instance_count; i++)
        json_array_append_new(instances, instance_json(&s->instances[i]));
    return json_pack("{s:s, s:b, s:i, s:i, s:o}", "name", s->name, "inbound", s->inbound,
                     "in_flight", (int)s->in_flight, "waiting", (int)s->waiting,
                     "instances", instances);
}

json_t *report_pools_json(const struct report *r, const char *only)
{
    json_t *out = json_array();

    for (uint32_t i = 0; out && r && i < r->service_count; i++)
        if (r->services[i].name[0] && (!only || strcmp(r->services[i].name, only) == 0))
            json_array_append_new(out, pool_json(&r->services[i]));
    return out;
}

const struct report_service *report_find(const struct report *r, const char *name)
{
    for (uint32_t i = 0; r && i < r->service_count; i++)
        if (!r->services[i].inbound && strcmp(r->services[i].name, name) == 0)
            return &r->services[i];
    return NULL;
}
