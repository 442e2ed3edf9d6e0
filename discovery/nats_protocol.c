#include "discovery/nats_protocol.h"

enum { WORDS_LIMIT = 6, SIZE_DIGITS = 10, SID_DIGITS = 19, KEPT_CAPACITY = 16 * 1024 };

void nats_parser_init(struct nats_parser *p, size_t payload_limit)
{
    *p = (struct nats_parser){.payload_limit = payload_limit};
    text_init(&p->line, NATS_INFO_LIMIT);
    text_init(&p->payload, payload_limit + 2);
}

void nats_parser_fini(struct nats_parser *p)
{
    text_fini(&p->line);
    text_fini(&p->payload);
}

/* --- a line --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts off the first word; empty at the end. */
static struct slice next_word(struct slice *rest)
{
    struct slice word;
    size_t at = 0;

    *rest = slice_trim(*rest);
    while (at < rest->size && !is_blank(rest->base[at]))
        at++;
    word = slice_first(*rest, at);
    *rest = slice_after(*rest, at);
    return word;
}

static enum err read_number(struct slice word, size_t digits, uint64_t *number)
{
    return word.size <= digits && slice_to_u64(word, number) ? ERR_OK : ERR_BAD_RECORD;
}

static unsigned read_words(struct slice rest, struct slice words[WORDS_LIMIT])
{
    unsigned count = 0;

    while (count < WORDS_LIMIT && (words[count] = next_word(&rest)).size)
        count++;
    return count;
}

static enum err expect_payload(struct nats_parser *p, uint64_t head, uint64_t size)
{
    if (head > size)
        return ERR_BAD_RECORD;
    if (size > NATS_PAYLOAD_LIMIT)
        return ERR_TOO_LARGE;
    p->operation.message.size = size;
    p->operation.message.is_cut = size > p->payload_limit;
    p->head = head;
    p->left = size + 2;
    p->in_payload = true;
    return ERR_LATER;
}

/* subject sid [reply] and one size, or two: of the headers and of all. */
static enum err read_message(struct nats_parser *p, struct slice rest, unsigned sizes)
{
    struct nats_message *m = &p->operation.message;
    struct slice words[WORDS_LIMIT];
    unsigned count = read_words(rest, words);
    uint64_t head = 0, size;

    if (count != sizes + 2 && count != sizes + 3)
        return ERR_BAD_RECORD;
    m->subject = words[0];
    if (count == sizes + 3)
        m->reply = words[2];
    if (read_number(words[1], SID_DIGITS, &m->sid) ||
        read_number(words[count - 1], SIZE_DIGITS, &size) ||
        (sizes == 2 && read_number(words[count - 2], SIZE_DIGITS, &head)))
        return ERR_BAD_RECORD;
    return expect_payload(p, head, size);
}

static struct slice without_quotes(struct slice s)
{
    if (s.size >= 2 && s.base[0] == '\'' && s.base[s.size - 1] == '\'')
        return slice_from(s.base + 1, s.size - 2);
    return s;
}

static enum err read_text(struct nats_parser *p, struct slice rest, unsigned unused)
{
    (void)unused;
    p->operation.text = slice_trim(rest);
    if (p->operation.kind == NATS_ERR)
        p->operation.text = without_quotes(p->operation.text);
    return ERR_OK;
}

static enum err read_nothing(struct nats_parser *p, struct slice rest, unsigned unused)
{
    (void)p;
    (void)unused;
    return slice_trim(rest).size ? ERR_BAD_RECORD : ERR_OK;
}

static const struct verb {
    const char *name;
    enum nats_kind kind;
    enum err (*read)(struct nats_parser *p, struct slice rest, unsigned sizes);
    unsigned sizes;
} verbs[] = {
    {"MSG",  NATS_MSG,  read_message, 1},
    {"HMSG", NATS_HMSG, read_message, 2},
    {"PING", NATS_PING, read_nothing, 0},
    {"PONG", NATS_PONG, read_nothing, 0},
    {"INFO", NATS_INFO, read_text,    0},
    {"+OK",  NATS_OK,   read_nothing, 0},
    {"-ERR", NATS_ERR,  read_text,    0},
};

static enum err read_line(struct nats_parser *p, struct slice line)
{
    struct slice verb = next_word(&line);

    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!slice_equals_nocase(verb, slice_of(verbs[i].name)))
            continue;
        p->operation = (struct nats_operation){.kind = verbs[i].kind};
        return verbs[i].read(p, line, verbs[i].sizes);
    }
    return ERR_BAD_RECORD;
}

/* Of an INFO all of its line is waited for, of what can't be one only the first bytes. */
static bool is_too_long(struct slice line)
{
    return line.size > NATS_LINE_LIMIT &&
           !slice_equals_nocase(slice_first(line, 4), SLICE("INFO"));
}

/* The line is kept even where it came whole: a message's words are needed until its payload is there. */
static enum err take_line(struct nats_parser *p, struct slice *bytes)
{
    size_t end = slice_find(*bytes, '\n');
    bool is_whole = end < bytes->size;

    if (p->line.size + end >= NATS_INFO_LIMIT)
        return ERR_TOO_LARGE;
    text_add(&p->line, slice_first(*bytes, end));
    *bytes = slice_after(*bytes, end + is_whole);
    if (p->line.failed)
        return ERR_NO_MEMORY;
    if (is_too_long(text_slice(&p->line)))
        return ERR_TOO_LARGE;
    if (!is_whole)
        return ERR_LATER;
    if (p->line.size == 0 || p->line.base[p->line.size - 1] != '\r')
        return ERR_BAD_RECORD;
    return read_line(p, slice_first(text_slice(&p->line), p->line.size - 1));
}

/* --- a payload --- */

static enum err finish_payload(struct nats_parser *p, struct slice all)
{
    struct nats_message *m = &p->operation.message;

    p->in_payload = false;
    if (all.base[all.size - 2] != '\r' || all.base[all.size - 1] != '\n')
        return ERR_BAD_RECORD;
    m->headers = slice_first(all, p->head);
    m->payload = slice_after(slice_first(all, m->size), p->head);
    return ERR_OK;
}

/* Of what is too large only the end is looked at. */
static enum err skip_payload(struct nats_parser *p, struct slice piece)
{
    size_t before_end = p->left > 2 ? p->left - 2 : 0;

    if (piece.size > before_end)
        text_add(&p->payload, slice_after(piece, before_end));
    p->left -= piece.size;
    if (p->left > 0)
        return ERR_LATER;
    p->in_payload = false;
    return slice_is(text_slice(&p->payload), "\r\n") ? ERR_OK : ERR_BAD_RECORD;
}

static enum err take_payload(struct nats_parser *p, struct slice *bytes)
{
    struct slice piece = slice_first(*bytes, p->left);

    *bytes = slice_after(*bytes, piece.size);
    if (p->operation.message.is_cut)
        return skip_payload(p, piece);
    if (p->payload.size == 0 && piece.size == p->left)
        return finish_payload(p, piece);
    text_add(&p->payload, piece);
    if (p->payload.failed)
        return ERR_NO_MEMORY;
    p->left -= piece.size;
    return p->left > 0 ? ERR_LATER : finish_payload(p, text_slice(&p->payload));
}

/* What a large one needed is not kept for the small ones after it. */
static void empty(struct text *t)
{
    if (t->capacity > KEPT_CAPACITY)
        text_fini(t);
    text_clear(t);
}

static void forget(struct nats_parser *p)
{
    empty(&p->line);
    empty(&p->payload);
    p->is_done = false;
}

enum err nats_parse(struct nats_parser *p, struct slice *bytes, struct nats_operation *op)
{
    enum err e = ERR_LATER;

    if (p->is_done)
        forget(p);
    while (e == ERR_LATER && bytes->size > 0)
        e = p->in_payload ? take_payload(p, bytes) : take_line(p, bytes);
    if (e)
        return e;
    p->is_done = true;
    *op = p->operation;
    return ERR_OK;
}
