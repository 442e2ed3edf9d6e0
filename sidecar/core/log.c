#include "sidecar/core/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "sidecar/core/clock.h"
#include "sidecar/core/log_json.h"
#include "sidecar/core/utf8.h"

/* A pipe takes this much at once or says that it is full. */
enum { LINE_MAXIMUM = PIPE_BUF };

/* The one variable of the whole process: where its log goes. */
static struct {
    pthread_mutex_t writing;
    _Atomic int level;
    _Atomic int format;
    _Atomic int fd;
    _Atomic uint64_t dropped;
} state = {PTHREAD_MUTEX_INITIALIZER, LOG_INFO, LOG_TEXT, STDERR_FILENO, 0};

/* clang-format off */
static const struct {
    const char *text;
    const char *json;
} levels[] = {
    [LOG_DEBUG] = {"DEBUG", "debug"},
    [LOG_INFO]  = {"INFO ", "info"},
    [LOG_WARN]  = {"WARN ", "warn"},
    [LOG_ERROR] = {"ERROR", "error"},
    [LOG_OFF]   = {"",      ""},
};
/* clang-format on */

void log_setup(enum log_level level, enum log_format format, int fd)
{
    state.level = (int)level;
    state.format = (int)format;
    state.fd = fd;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= state.level && level < LOG_OFF;
}

uint64_t log_dropped(void)
{
    return state.dropped;
}

/* Only what poll() says there is room for: the descriptor is often shared with the app
 * and a terminal, so it may not be made non-blocking. POLLERR is a pipe without a reader.
 */
static bool write_ready(int fd, struct slice s)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    ssize_t written;

    if (poll(&p, 1, 0) != 1 || p.revents != POLLOUT)
        return false;
    do
        written = write(fd, s.base, s.size);
    while (written < 0 && errno == EINTR);
    return written == (ssize_t)s.size;
}

/* The lock keeps another thread from taking the room that poll() saw. */
static void emit(struct slice s)
{
    int error = errno;

    pthread_mutex_lock(&state.writing);
    if (!write_ready(state.fd, s))
        state.dropped++;
    pthread_mutex_unlock(&state.writing);
    errno = error;
}

/* As many whole lines as fit in one write; a longer line is cut to what fits. */
static size_t batch_size(struct slice lines)
{
    size_t size = LINE_MAXIMUM;

    if (lines.size <= LINE_MAXIMUM)
        return lines.size;
    while (size && lines.base[size - 1] != '\n')
        size--;
    return size ? size : LINE_MAXIMUM;
}

void log_write(struct slice lines)
{
    while (lines.size) {
        size_t size = batch_size(lines);

        emit(slice_first(lines, size));
        lines = slice_after(lines, size);
    }
}

/* A line stays one line, whatever was put into it. */
static void flatten(char *base, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)base[i] < 0x20 || base[i] == 0x7F)
            base[i] = ' ';
}

static size_t at_most(int size, size_t room)
{
    return size < 0 ? 0 : (size_t)size < room ? (size_t)size : room - 1;
}

static size_t make_text(char *out, enum log_level level, const char *event,
                        struct slice pairs)
{
    char time[25];
    int size;

    log_timestamp(time, clock_wall_ms());
    size = snprintf(out, LINE_MAXIMUM, "%s %s %s%s%.*s", time, levels[level].text, event,
                    pairs.size ? " " : "", (int)pairs.size, pairs.base);
    return at_most(size, LINE_MAXIMUM);
}

static size_t make_json(char *out, enum log_level level, const char *event,
                        struct slice pairs)
{
    char time[25];
    size_t size;

    log_timestamp(time, clock_wall_ms());
    size = at_most(snprintf(out, LINE_MAXIMUM - 2,
                            "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", time,
                            levels[level].json, event),
                   LINE_MAXIMUM - 2);
    size += log_json_members(out + size, LINE_MAXIMUM - 2 - size, pairs);
    out[size++] = '}';
    return size;
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    char pairs[LINE_MAXIMUM - 128];
    char line[LINE_MAXIMUM];
    va_list args;
    size_t size;

    if (!log_enabled(level))
        return;
    va_start(args, format);
    size = at_most(vsnprintf(pairs, sizeof(pairs), format, args), sizeof(pairs));
    va_end(args);
    flatten(pairs, size);
    if (state.format == LOG_JSON)
        size = make_json(line, level, event, slice_from(pairs, size));
    else
        size = make_text(line, level, event, slice_from(pairs, size));
    line[size++] = '\n';
    emit(slice_from(line, size));
}

/* One character of `s` as it stands between quotes, at `out` (8 bytes); returns its size.
 */
static size_t quote_character(char *out, struct slice s)
{
    static const char raw[] = "\"\\\n\r\t";
    static const char named[] = "\"\\nrt";
    unsigned char c = (unsigned char)s.base[0];
    size_t size = utf8_size(s);
    const char *at = c ? strchr(raw, c) : NULL;

    if (at)
        return (size_t)snprintf(out, 8, "\\%c", named[at - raw]);
    if (size == 0)
        return (size_t)snprintf(out, 8, "\\ufffd");
    if (c < 0x20 || c == 0x7F)
        return (size_t)snprintf(out, 8, "\\u%04x", c);
    memcpy(out, s.base, size);
    return size;
}

char *log_quote(char *out, size_t size, struct slice s)
{
    size_t used = 0;

    while (s.size) {
        char quoted[8];
        size_t taken = utf8_size(s);
        size_t more = quote_character(quoted, s);

        if (used + more >= size)
            break;
        memcpy(out + used, quoted, more);
        used += more;
        s = slice_after(s, taken ? taken : 1);
    }
    if (size)
        out[used] = '\0';
    return out;
}
