"""The chart of a run, as SVG: CPU time of one request, HAProxy's = 1, one row for each workload."""

import figures

BASE = "haproxy"
SERIES = {"csidecar": "#c2185b", "nginx": "#388e3c", "floor_pool": "#757575"}
MARGIN, WIDTH, ROW, TOP, FOOT = 110, 560, 26, 58, 34
MOST = 2.0  # what lies beyond stands at the edge, with its number


def x(value):
    return MARGIN + WIDTH * min(value, MOST) / MOST


def text(at_x, at_y, words, **more):
    style = "".join(' %s="%s"' % (k.replace("_", "-"), v) for k, v in more.items())
    return '<text x="%.1f" y="%.1f"%s>%s</text>' % (at_x, at_y, style, words)


def line(x1, y1, x2, y2, colour, width=1):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"/>' % (x1, y1, x2, y2, colour, width)


def mark(value, low, high, y, colour):
    """The median as a dot on its interval."""
    parts = [line(x(low), y, x(high), y, colour, 2), '<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>' % (x(value), y, colour)]
    if value > MOST:
        parts.append(text(x(MOST) + 7, y + 4, "%.1f" % value, fill=colour))
    return parts


def row(name, rounds, y):
    parts = [text(MARGIN - 10, y + 4, name, text_anchor="end")]
    for series, colour in SERIES.items():
        if figures.has(rounds, series, BASE):
            parts += mark(*figures.ratio(rounds, series, BASE), y, colour)
    return parts


def grid(bottom):
    parts = []
    for step in range(0, 9):
        value = MOST * step / 8
        parts.append(line(x(value), TOP - 8, x(value), bottom, "#9e9e9e" if value == 1 else "#e0e0e0"))
        parts.append(text(x(value), bottom + 16, "%g" % value, text_anchor="middle"))
    return parts


def legend():
    parts, at = [], MARGIN
    for name, colour in {**SERIES, "HAProxy = 1": "#9e9e9e"}.items():
        parts += ['<circle cx="%d" cy="34" r="4" fill="%s"/>' % (at, colour), text(at + 9, 38, name)]
        at += 24 + 7.5 * len(name)
    return parts


def chart(run):
    rows = [(n, r) for n, r in run["bursts"].items() if figures.has(r, "csidecar", BASE)]
    bottom = TOP + ROW * len(rows)
    parts = [text(MARGIN, 18, "CPU time of one request, by workload (median and 95 % interval; less is better)", font_weight="bold")]
    parts += legend() + grid(bottom)
    for at, (name, rounds) in enumerate(rows):
        parts += row(name, rounds, TOP + ROW * at + ROW / 2)
    size = (MARGIN + WIDTH + 60, bottom + FOOT)
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">\n'
            '<rect width="100%%" height="100%%" fill="white"/>\n%s\n</svg>\n' % (*size, *size, "\n".join(parts)))
