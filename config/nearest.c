#include "config/nearest.h"

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned cell(const unsigned char (*rows)[NEAREST_WORD], struct slice a,
                     struct slice b, unsigned i, unsigned j)
{
    unsigned same = a.base[i - 1] == b.base[j - 1];
    unsigned best = rows[1][j - 1] + 1u - same;

    best = least(best, least(rows[1][j] + 1u, rows[2][j - 1] + 1u));
    if (i > 1 && j > 1 && a.base[i - 1] == b.base[j - 2] &&
        a.base[i - 2] == b.base[j - 1])
        best = least(best, rows[0][j - 2] + 1u);
    return best;
}

/* Three rows of the matrix are enough: two letters back is as far as a swap looks. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned char rows[3][NEAREST_WORD] = {0};

    for (unsigned j = 0; j <= b.size; j++)
        rows[2][j] = (unsigned char)j;
    for (unsigned i = 1; i <= a.size; i++) {
        memmove(rows[0], rows[1], sizeof(rows[0]) * 2);
        rows[2][0] = (unsigned char)i;
        for (unsigned j = 1; j <= b.size; j++)
            rows[2][j] = (unsigned char)cell((const unsigned char(*)[NEAREST_WORD])rows,
                                             a, b, i, j);
    }
    return rows[2][b.size];
}

void nearest_init(struct nearest *n, struct slice word)
{
    unsigned third = (unsigned)(word.size / 3);

    n->word = word;
    n->distance = (third ? third : 1) + 1;
    n->best[0] = 0;
}

void nearest_offer(struct nearest *n, struct slice known)
{
    unsigned d;

    if (n->word.size >= NEAREST_WORD || known.size >= NEAREST_WORD || !n->word.size)
        return;
    d = distance(n->word, known);
    if (d >= n->distance || d >= known.size)
        return;
    n->distance = d;
    memcpy(n->best, known.base, known.size);
    n->best[known.size] = 0;
}

const char *nearest_found(const struct nearest *n)
{
    return n->best[0] ? n->best : NULL;
}

const char *nearest(struct slice word, const char *const *known, unsigned count)
{
    struct nearest n;
    const char *found = NULL;

    nearest_init(&n, word);
    for (unsigned i = 0; i < count; i++) {
        unsigned before = n.distance;

        nearest_offer(&n, slice_of(known[i]));
        found = n.distance < before ? known[i] : found;
    }
    return found;
}

enum err nearest_why(const struct nearest *n, struct why *w, enum err e, const char *what)
{
    if (!n->best[0])
        return why(w, e, "%s", what);
    return why(w, e, "%s (did you mean \"%s\"?)", what, n->best);
}
