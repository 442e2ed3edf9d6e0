/* What a ZooKeeper server says: frames are found or refused, and every reading ends within its frame. */
#include <stdlib.h>

#include "discovery/zookeeper_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_inside(struct slice part, struct slice whole)
{
    if (part.size > 0 &&
        (part.base < whole.base || part.base + part.size > whole.base + whole.size))
        abort();
}

static void children_survive(struct slice frame)
{
    struct zookeeper_reader r = {.rest = frame};
    int32_t count = zookeeper_read_int(&r);

    for (int32_t i = 0; i < count && !r.failed; i++)
        is_inside(zookeeper_read_buffer(&r), frame);
}

static void answers_survive(struct slice frame)
{
    struct zookeeper_reader r = {.rest = frame};
    struct zookeeper_session s = {.id = 1};

    (void)zookeeper_read_int(&r);
    (void)zookeeper_read_long(&r);
    (void)zookeeper_read_int(&r);
    is_inside(zookeeper_read_buffer(&r), frame);
    (void)zookeeper_read_owner(&r);
    (void)zookeeper_read_connect(frame, &s);
    children_survive(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size}, frame;

    while (zookeeper_frame(rest, &frame) == ERR_OK) {
        is_inside(frame, rest);
        answers_survive(frame);
        rest = slice_after(rest, 4 + frame.size);
    }
    return 0;
}
