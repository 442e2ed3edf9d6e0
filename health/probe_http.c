/* GET, once. The status is the answer: what follows it is not read. */
#include "health/probe_check.h"

enum { FIRST_BAD_STATUS = 400 };

static bool is_well(unsigned status)
{
    return status >= 200 && status < FIRST_BAD_STATUS;
}

static enum probe_result judge_status(struct check *c)
{
    return is_well(c->status)
               ? CHECK_PASSED
               : check_says(c, CHECK_STATUS, "GET %s: status %u", c->path, c->status);
}

static enum probe_result judge_error(struct check *c, enum err e)
{
    enum probe_result r = e == ERR_CONNECT_FAILED                        ? CHECK_REFUSED
                          : e == ERR_TIMEOUT || e == ERR_CONNECT_TIMEOUT ? CHECK_TIMED_OUT
                          : e == ERR_BAD_VALUE || e == ERR_NO_MEMORY     ? CHECK_FAILED
                                                                     : CHECK_MALFORMED;

    return check_says(c, r, "GET %s: %s", c->path,
                      c->call.why.text[0] ? c->call.why.text : err_text(e));
}

static void on_answered(struct http_call *call, enum err e)
{
    struct check *c = call->owner;
    enum probe_result r;

    if (!c->status)
        c->status = call->status;
    r = c->status ? judge_status(c) : judge_error(c, e);
    http_call_fini(call);
    check_end(c, r);
}

static void on_piece(struct http_call *call, struct slice bytes)
{
    struct check *c = call->owner;

    (void)bytes;
    c->status = call->status;
    http_call_cancel(call);
}

static enum probe_result http_start(struct check *c)
{
    enum err e;

    c->call = (struct http_call){
        .to = c->to,
        .target = slice_of(c->path),
        .host = address_is_path(&c->to) ? SLICE("localhost") : SLICE(""),
        .fields = SLICE("User-Agent: csidecar-probe\r\nAccept: */*\r\n"),
        .timeout_ms = c->timeout_ms,
        .owner = c,
        .answered = on_answered,
        .piece = on_piece,
    };
    e = http_call_start(&c->call, c->loop);
    if (e == ERR_LATER)
        return CHECK_NONE;
    http_call_fini(&c->call);
    return judge_error(c, e);
}

static void http_cancel(struct check *c)
{
    http_call_cancel(&c->call);
}

const struct check_ops check_http = {.start = http_start, .cancel = http_cancel};
