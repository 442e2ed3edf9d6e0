"""Tables in Markdown."""


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    return "-" if value is None else "{:,.0f}".format(value) if value >= 1000 else "{:.3g}".format(value)


def flat_table(results):
    """{row: {column: number}}"""
    columns = list(dict.fromkeys(c for r in results.values() for c in r))
    return table(["", *columns], [[name, *(number(r.get(c)) for c in columns)] for name, r in results.items()])
