#include "transport/http.h"

#include "transport/http_text.h"

#define WORD(text)                                                                       \
    {                                                                                    \
        text, sizeof(text) - 1                                                           \
    }

static const struct slice field_names[HTTP_FIELD_IDS] = {
#define X(id, name) [FIELD_ID_##id] = WORD(name),
    HTTP_FIELDS(X)
#undef X
};

/* Size, first and last letter tell all names apart: each has a place of its own. Where a new one's is taken, other
 * factors are to be found (test_http.c looks for every name). */
enum { PLACES = 128 };

static inline unsigned place_of(struct slice name)
{
    unsigned first = (unsigned char)name.base[0] | 0x20,
             last = (unsigned char)name.base[name.size - 1] | 0x20;

    return ((unsigned)name.size * 56 + first * 60 + last) % PLACES;
}

/* clang-format off */
static const uint8_t ids_by_place[PLACES] = {
    [2] = FIELD_ID_AUTHORIZATION, [5] = FIELD_ID_TE, [8] = FIELD_ID_X_FORWARDED_PREFIX,
    [9] = FIELD_ID_SET_COOKIE, [12] = FIELD_ID_TRACEPARENT, [18] = FIELD_ID_RETRY_AFTER,
    [20] = FIELD_ID_X_FORWARDED_HOST, [21] = FIELD_ID_PROXY_AUTHENTICATE,
    [25] = FIELD_ID_CSIDECAR_SERVICE, [31] = FIELD_ID_MAX_FORWARDS,
    [34] = FIELD_ID_CONTENT_LOCATION, [37] = FIELD_ID_SEC_WEBSOCKET_KEY,
    [39] = FIELD_ID_CSIDECAR_RETRIES, [40] = FIELD_ID_CSIDECAR_TIMEOUT, [41] = FIELD_ID_KEEP_ALIVE,
    [42] = FIELD_ID_TRAILER, [44] = FIELD_ID_CONTENT_LENGTH, [46] = FIELD_ID_PROXY_CONNECTION,
    [49] = FIELD_ID_VIA, [50] = FIELD_ID_CSIDECAR_TOKEN, [52] = FIELD_ID_HOST, [53] = FIELD_ID_DATE,
    [57] = FIELD_ID_CONTENT_TYPE, [60] = FIELD_ID_DAPR_APP_ID, [66] = FIELD_ID_ORIGIN,
    [68] = FIELD_ID_FORWARDED, [71] = FIELD_ID_X_FORWARDED_PROTO, [79] = FIELD_ID_TRANSFER_ENCODING,
    [81] = FIELD_ID_CSIDECAR_INSTANCE, [82] = FIELD_ID_CONNECTION,
    [86] = FIELD_ID_PROXY_AUTHORIZATION, [89] = FIELD_ID_UPGRADE, [90] = FIELD_ID_X_FORWARDED_FOR,
    [93] = FIELD_ID_IDEMPOTENCY_KEY, [95] = FIELD_ID_CSIDECAR_ATTEMPTS,
    [99] = FIELD_ID_HTTP2_SETTINGS, [105] = FIELD_ID_SEC_FETCH_SITE, [112] = FIELD_ID_EXPECT,
    [116] = FIELD_ID_CSIDECAR_HASH, [119] = FIELD_ID_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK,
    [126] = FIELD_ID_LOCATION,
};
/* clang-format on */

enum http_field_id http_field_id(struct slice name)
{
    enum http_field_id id;

    if (name.size == 0)
        return FIELD_OTHER;
    id = ids_by_place[place_of(name)];
    return id != FIELD_OTHER && field_names[id].size == name.size &&
                   text_is(name.base, field_names[id].base, name.size)
               ? id
               : FIELD_OTHER;
}

struct slice http_field_name(enum http_field_id id)
{
    return field_names[id];
}

static const struct slice methods[] = {
    [METHOD_GET] = WORD("GET"),         [METHOD_HEAD] = WORD("HEAD"),
    [METHOD_POST] = WORD("POST"),       [METHOD_PUT] = WORD("PUT"),
    [METHOD_DELETE] = WORD("DELETE"),   [METHOD_CONNECT] = WORD("CONNECT"),
    [METHOD_OPTIONS] = WORD("OPTIONS"), [METHOD_TRACE] = WORD("TRACE"),
    [METHOD_PATCH] = WORD("PATCH"),
};

enum http_method http_method(struct slice text)
{
    for (unsigned m = METHOD_GET; m <= METHOD_PATCH; m++)
        if (slice_equals(methods[m], text))
            return m;
    return METHOD_OTHER;
}

bool http_method_is_idempotent(enum http_method m)
{
    const unsigned idempotent = 1u << METHOD_GET | 1u << METHOD_HEAD |
                                1u << METHOD_OPTIONS | 1u << METHOD_TRACE |
                                1u << METHOD_PUT | 1u << METHOD_DELETE;

    return idempotent >> m & 1;
}

/* RFC 9110 §15, and what else IANA lists. */
/* clang-format off */
static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},              {101, "Switching Protocols"},
    {102, "Processing"},            {103, "Early Hints"},
    {200, "OK"},                    {201, "Created"},
    {202, "Accepted"},              {203, "Non-Authoritative Information"},
    {204, "No Content"},            {205, "Reset Content"},
    {206, "Partial Content"},       {300, "Multiple Choices"},
    {301, "Moved Permanently"},     {302, "Found"},
    {303, "See Other"},             {304, "Not Modified"},
    {307, "Temporary Redirect"},    {308, "Permanent Redirect"},
    {400, "Bad Request"},           {401, "Unauthorized"},
    {402, "Payment Required"},      {403, "Forbidden"},
    {404, "Not Found"},             {405, "Method Not Allowed"},
    {406, "Not Acceptable"},        {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},       {409, "Conflict"},
    {410, "Gone"},                  {411, "Length Required"},
    {412, "Precondition Failed"},   {413, "Content Too Large"},
    {414, "URI Too Long"},          {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"}, {417, "Expectation Failed"},
    {421, "Misdirected Request"},   {422, "Unprocessable Content"},
    {426, "Upgrade Required"},      {428, "Precondition Required"},
    {429, "Too Many Requests"},     {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"}, {500, "Internal Server Error"},
    {501, "Not Implemented"},       {502, "Bad Gateway"},
    {503, "Service Unavailable"},   {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"}, {508, "Loop Detected"},
};
/* clang-format on */

const char *http_reason(unsigned status)
{
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

const struct http_field *head_field(const struct http_head *h, enum http_field_id id)
{
    if (!head_has(h, id))
        return NULL;
    for (unsigned i = 0; i < h->count; i++)
        if (h->fields[i].id == id)
            return &h->fields[i];
    return NULL;
}

struct slice head_value(const struct http_head *h, enum http_field_id id)
{
    const struct http_field *f = head_field(h, id);

    return f ? f->value : (struct slice){NULL, 0};
}

static bool list_has(struct slice list, struct slice token)
{
    while (list.base)
        if (slice_equals_nocase(slice_next(&list, ','), token))
            return true;
    return false;
}

bool head_lists(const struct http_head *h, enum http_field_id id, struct slice token)
{
    if (!head_has(h, id))
        return false;
    for (unsigned i = 0; i < h->count; i++)
        if (h->fields[i].id == id && list_has(h->fields[i].value, token))
            return true;
    return false;
}

#define BIT(id) (1ull << FIELD_ID_##id)

bool head_field_is_hop_by_hop(const struct http_head *h, const struct http_field *f)
{
    const uint64_t always = BIT(CONNECTION) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) |
                            BIT(TE) | BIT(TRANSFER_ENCODING) | BIT(UPGRADE) |
                            BIT(HTTP2_SETTINGS) | BIT(PROXY_AUTHENTICATE) |
                            BIT(PROXY_AUTHORIZATION);
    const uint64_t never = BIT(HOST) | BIT(CONTENT_LENGTH);

    if (always >> f->id & 1)
        return true;
    return h->connection_names && !(never >> f->id & 1) &&
           head_lists(h, FIELD_ID_CONNECTION, f->name);
}
