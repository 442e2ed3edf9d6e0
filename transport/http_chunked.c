#include "transport/http_chunked.h"

enum class {
    OTHER, /* control characters */
    DIGIT, /* hexadecimal */
    TOKEN,
    BLANK,
    SEMICOLON,
    EQUALS,
    QUOTE,
    BACKSLASH,
    COLON,
    TEXT,
    CR,
    LF,
    CLASSES,
};

/* clang-format off */
static const uint8_t marks[256] = {
    ['0' ... '9'] = DIGIT, ['a' ... 'f'] = DIGIT, ['A' ... 'F'] = DIGIT,
    ['\t'] = BLANK, [' '] = BLANK, [';'] = SEMICOLON, ['='] = EQUALS, ['"'] = QUOTE,
    ['\\'] = BACKSLASH, [':'] = COLON, ['\r'] = CR, ['\n'] = LF,
    ['('] = TEXT, [')'] = TEXT, [','] = TEXT, ['/'] = TEXT, ['<'] = TEXT, ['>'] = TEXT,
    ['?'] = TEXT, ['@'] = TEXT, ['['] = TEXT, [']'] = TEXT, ['{'] = TEXT, ['}'] = TEXT,
    [0x80 ... 0xff] = TEXT,
    ['g' ... 'z'] = TOKEN, ['G' ... 'Z'] = TOKEN, ['!'] = TOKEN, ['#' ... '\''] = TOKEN,
    ['*' ... '+'] = TOKEN, ['-' ... '.'] = TOKEN, ['^' ... '`'] = TOKEN, ['|'] = TOKEN,
    ['~'] = TOKEN,
};

static const uint8_t chunk_states[CHUNK_STATES][CLASSES] = {
    [CHUNK_FIRST_DIGIT]      = {[DIGIT] = CHUNK_SIZE},
    [CHUNK_SIZE]             = {[DIGIT] = CHUNK_SIZE, [BLANK] = CHUNK_BEFORE_SEMICOLON,
                                [SEMICOLON] = CHUNK_BEFORE_NAME, [CR] = CHUNK_LINE_LF},
    [CHUNK_BEFORE_SEMICOLON] = {[BLANK] = CHUNK_BEFORE_SEMICOLON, [SEMICOLON] = CHUNK_BEFORE_NAME},
    [CHUNK_BEFORE_NAME]      = {[BLANK] = CHUNK_BEFORE_NAME, [DIGIT] = CHUNK_NAME, [TOKEN] = CHUNK_NAME},
    [CHUNK_NAME]             = {[DIGIT] = CHUNK_NAME, [TOKEN] = CHUNK_NAME, [BLANK] = CHUNK_AFTER_NAME,
                                [EQUALS] = CHUNK_BEFORE_VALUE, [SEMICOLON] = CHUNK_BEFORE_NAME,
                                [CR] = CHUNK_LINE_LF},
    [CHUNK_AFTER_NAME]       = {[BLANK] = CHUNK_AFTER_NAME, [EQUALS] = CHUNK_BEFORE_VALUE,
                                [SEMICOLON] = CHUNK_BEFORE_NAME},
    [CHUNK_BEFORE_VALUE]     = {[BLANK] = CHUNK_BEFORE_VALUE, [DIGIT] = CHUNK_VALUE,
                                [TOKEN] = CHUNK_VALUE, [QUOTE] = CHUNK_QUOTED},
    [CHUNK_VALUE]            = {[DIGIT] = CHUNK_VALUE, [TOKEN] = CHUNK_VALUE,
                                [BLANK] = CHUNK_BEFORE_SEMICOLON, [SEMICOLON] = CHUNK_BEFORE_NAME,
                                [CR] = CHUNK_LINE_LF},
    [CHUNK_QUOTED]           = {[DIGIT] = CHUNK_QUOTED, [TOKEN] = CHUNK_QUOTED, [BLANK] = CHUNK_QUOTED,
                                [SEMICOLON] = CHUNK_QUOTED, [EQUALS] = CHUNK_QUOTED,
                                [COLON] = CHUNK_QUOTED, [TEXT] = CHUNK_QUOTED,
                                [BACKSLASH] = CHUNK_ESCAPED, [QUOTE] = CHUNK_AFTER_VALUE},
    [CHUNK_ESCAPED]          = {[DIGIT] = CHUNK_QUOTED, [TOKEN] = CHUNK_QUOTED, [BLANK] = CHUNK_QUOTED,
                                [SEMICOLON] = CHUNK_QUOTED, [EQUALS] = CHUNK_QUOTED,
                                [COLON] = CHUNK_QUOTED, [TEXT] = CHUNK_QUOTED,
                                [BACKSLASH] = CHUNK_QUOTED, [QUOTE] = CHUNK_QUOTED},
    [CHUNK_AFTER_VALUE]      = {[BLANK] = CHUNK_BEFORE_SEMICOLON, [SEMICOLON] = CHUNK_BEFORE_NAME,
                                [CR] = CHUNK_LINE_LF},
    [CHUNK_LINE_LF]          = {[LF] = CHUNK_DATA},
    [CHUNK_DATA_CR]          = {[CR] = CHUNK_DATA_LF},
    [CHUNK_DATA_LF]          = {[LF] = CHUNK_FIRST_DIGIT},
};

#define IN_VALUE                                                                         \
    [DIGIT] = TRAILER_VALUE, [TOKEN] = TRAILER_VALUE, [BLANK] = TRAILER_VALUE,           \
    [SEMICOLON] = TRAILER_VALUE, [EQUALS] = TRAILER_VALUE, [QUOTE] = TRAILER_VALUE,      \
    [BACKSLASH] = TRAILER_VALUE, [COLON] = TRAILER_VALUE, [TEXT] = TRAILER_VALUE

static const uint8_t trailer_states[TRAILER_STATES][CLASSES] = {
    [TRAILER_LINE]    = {[DIGIT] = TRAILER_NAME, [TOKEN] = TRAILER_NAME, [CR] = TRAILER_LAST_LF},
    [TRAILER_NAME]    = {[DIGIT] = TRAILER_NAME, [TOKEN] = TRAILER_NAME, [COLON] = TRAILER_VALUE},
    [TRAILER_VALUE]   = {IN_VALUE, [CR] = TRAILER_LF},
    [TRAILER_LF]      = {[LF] = TRAILER_LINE},
    [TRAILER_LAST_LF] = {[LF] = TRAILER_END},
};
/* clang-format on */

enum chunk_state chunk_next(enum chunk_state s, char c)
{
    return chunk_states[s][marks[(unsigned char)c]];
}

enum trailer_state trailer_next(enum trailer_state s, char c)
{
    return trailer_states[s][marks[(unsigned char)c]];
}

bool chunk_digit(uint64_t *size, char c)
{
    unsigned digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

    if (*size >= 1ull << 59)
        return false;
    *size = *size << 4 | digit;
    return true;
}
