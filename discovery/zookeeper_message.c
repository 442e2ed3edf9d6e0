#include "discovery/zookeeper_message.h"

enum { PERMISSIONS_ALL = 31, PERMISSION_READ = 1 };

/* --- writing --- */

static void add_number(struct text *out, uint64_t value, unsigned size)
{
    char bytes[8];

    for (unsigned i = 0; i < size; i++)
        bytes[i] = (char)(value >> (8 * (size - 1 - i)));
    text_add(out, slice_from(bytes, size));
}

void zookeeper_write_int(struct text *out, int32_t value)
{
    add_number(out, (uint32_t)value, 4);
}

void zookeeper_write_long(struct text *out, int64_t value)
{
    add_number(out, (uint64_t)value, 8);
}

void zookeeper_write_buffer(struct text *out, struct slice bytes)
{
    zookeeper_write_int(out, (int32_t)bytes.size);
    text_add(out, bytes);
}

void zookeeper_write_bool(struct text *out, bool value)
{
    text_add(out, value ? SLICE("\1") : slice_from("", 1));
}

static void add_rule(struct text *out, int32_t permissions, struct slice scheme,
                     struct slice id)
{
    zookeeper_write_int(out, permissions);
    zookeeper_write_buffer(out, scheme);
    zookeeper_write_buffer(out, id);
}

void zookeeper_write_acl(struct text *out, enum zookeeper_acl acl)
{
    if (acl == ZOOKEEPER_OPEN) {
        zookeeper_write_int(out, 1);
        add_rule(out, PERMISSIONS_ALL, SLICE("world"), SLICE("anyone"));
        return;
    }
    zookeeper_write_int(out, 2);
    add_rule(out, PERMISSIONS_ALL, SLICE("auth"), SLICE(""));
    add_rule(out, PERMISSION_READ, SLICE("world"), SLICE("anyone"));
}

void zookeeper_write_request(struct text *out, int32_t xid, enum zookeeper_operation op,
                             struct slice payload)
{
    zookeeper_write_int(out, (int32_t)(8 + payload.size));
    zookeeper_write_int(out, xid);
    zookeeper_write_int(out, op);
    text_add(out, payload);
}

void zookeeper_write_connect(struct text *out, const struct zookeeper_session *s)
{
    zookeeper_write_int(out, 4 + 8 + 4 + 8 + 4 + ZOOKEEPER_PASSWORD + 1);
    zookeeper_write_int(out, 0); /* of the protocol */
    zookeeper_write_long(out, s->last_zxid);
    zookeeper_write_int(out, s->timeout_ms);
    zookeeper_write_long(out, s->id);
    zookeeper_write_buffer(out, slice_from(s->password, ZOOKEEPER_PASSWORD));
    zookeeper_write_bool(out, false); /* not from one that can only read */
}

/* --- reading --- */

static uint64_t read_number(struct zookeeper_reader *r, unsigned size)
{
    uint64_t value = 0;

    if (r->failed || r->rest.size < size) {
        r->failed = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | (unsigned char)r->rest.base[i];
    r->rest = slice_after(r->rest, size);
    return value;
}

int32_t zookeeper_read_int(struct zookeeper_reader *r)
{
    return (int32_t)(uint32_t)read_number(r, 4);
}

int64_t zookeeper_read_long(struct zookeeper_reader *r)
{
    return (int64_t)read_number(r, 8);
}

struct slice zookeeper_read_buffer(struct zookeeper_reader *r)
{
    int32_t size = zookeeper_read_int(r);
    struct slice bytes;

    if (size <= 0 || r->failed)
        return (struct slice){"", 0};
    if ((size_t)size > r->rest.size) {
        r->failed = true;
        return (struct slice){"", 0};
    }
    bytes = slice_first(r->rest, (size_t)size);
    r->rest = slice_after(r->rest, (size_t)size);
    return bytes;
}

enum err zookeeper_frame(struct slice in, struct slice *frame)
{
    struct zookeeper_reader r = {.rest = in};
    int32_t size = zookeeper_read_int(&r);

    if (r.failed)
        return ERR_LATER;
    if (size < 4 || size > ZOOKEEPER_FRAME_LIMIT - 4)
        return ERR_BAD_RECORD;
    *frame = slice_first(r.rest, (size_t)size);
    return r.rest.size < (size_t)size ? ERR_LATER : ERR_OK;
}

enum err zookeeper_read_connect(struct slice frame, struct zookeeper_session *s)
{
    struct zookeeper_reader r = {.rest = frame};
    struct slice password;

    (void)zookeeper_read_int(&r);
    s->timeout_ms = zookeeper_read_int(&r);
    s->id = zookeeper_read_long(&r);
    password = zookeeper_read_buffer(&r);
    if (s->timeout_ms <= 0)
        s->id = 0;
    memset(s->password, 0, sizeof(s->password));
    if (password.size <= sizeof(s->password))
        memcpy(s->password, password.base, password.size);
    return r.failed ? ERR_BAD_RECORD : ERR_OK;
}

/* czxid mzxid ctime mtime, version cversion aversion, owner, ... */
int64_t zookeeper_read_owner(struct zookeeper_reader *r)
{
    for (unsigned i = 0; i < 4; i++)
        (void)zookeeper_read_long(r);
    for (unsigned i = 0; i < 3; i++)
        (void)zookeeper_read_int(r);
    return zookeeper_read_long(r);
}
