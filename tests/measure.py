#!/usr/bin/env python3
"""How the code reads, in figures: make measure.

Function lengths (universal-ctags), cyclomatic complexity (pmccabe), file lengths, the share of
comments, and test lines to source lines; medians, 90th percentiles and maxima beside what we aim
at, then the worst ten. Aims, not gates: always exits 0.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = ["sidecar/core", "config", "transport", "health", "discovery", "sidecar"]
WORST = 10


def files(folder, suffix):
    return sorted((ROOT / folder).glob(f"*{suffix}"))


def sources():
    return [f for layer in LAYERS for f in files(layer, ".c")]


def headers():
    return [f for layer in LAYERS for f in files(layer, ".h")]


def tests():
    tracked = subprocess.run(["git", "-C", str(ROOT), "ls-files", "tests"], capture_output=True, text=True).stdout
    return [ROOT / f for f in tracked.splitlines() if f.endswith((".c", ".h", ".py", ".go"))]


def short(path):
    return os.path.relpath(path, ROOT)


def function_lengths(paths):
    """[(lines, "file:line name")] from the first line of the name to the closing brace."""
    command = ["ctags", "--output-format=json", "--fields=+ne", "--kinds-C=f", "-f", "-", *map(str, paths)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    tags = [json.loads(line) for line in output.splitlines()]
    return [(t["end"] - t["line"] + 1, f"{short(t['path'])}:{t['line']} {t['name']}")
            for t in tags if "end" in t]


def complexities(paths):
    """[(complexity, "file:line name")]."""
    output = subprocess.run(["pmccabe", *map(str, paths)], check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    found = []
    for row in rows:
        if len(row) == 6:
            place, name = row[5].split(": ", 1)
            found.append((int(row[0]), f"{short(re.sub(r'[(].*', '', place))}:{row[3]} {name}"))
    return found


def file_lengths(paths):
    return [(len(path.read_text().splitlines()), short(path)) for path in paths]


STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)


def comment_lines(text):
    """Lines with a comment that says something; formatter switches and bare frames do not."""
    lines = 0
    for match in STRING_OR_COMMENT.finditer(text):
        if match.group().startswith("/") and "clang-format o" not in match.group():
            lines += sum(1 for line in match.group().splitlines() if line.strip(" */"))
    return lines


def comment_share(paths):
    texts = [path.read_text() for path in paths]
    total = sum(1 for text in texts for line in text.splitlines() if line.strip())
    return 100 * sum(map(comment_lines, texts)) / max(total, 1)


def code_lines(paths):
    return sum(1 for path in paths for line in path.read_text().splitlines() if line.strip())


def at(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0


def row(what, values, aim):
    figures = f"{at(values, 0.5)} / {at(values, 0.9)} / {max(values, default=0)}"
    print(f"{what:<22} {len(values):>6}   {figures:>18}   {aim}")


def share_row(what, value, aim):
    print(f"{what:<22} {'':>6}   {value:>18}   {aim}")


def worst(title, measured):
    print(f"\n{title}")
    for value, where in sorted(measured, reverse=True)[:WORST]:
        print(f"{value:>6}  {where}")


def by_layer():
    print(f"\n{'layer':<14} {'.c':>4} {'lines':>7} {'.h':>4} {'lines':>7} {'functions':>10}   med / p90 / max")
    for layer in LAYERS:
        c, h = files(layer, ".c"), files(layer, ".h")
        lengths = [n for n, _ in function_lengths(c)] if c else []
        figures = f"{at(lengths, 0.5)} / {at(lengths, 0.9)} / {max(lengths, default=0)}"
        print(f"{layer:<14} {len(c):>4} {code_lines(c):>7} {len(h):>4} {code_lines(h):>7} {len(lengths):>10}   {figures}")


def main():
    functions = function_lengths(sources())
    lengths = [n for n, _ in functions]
    complexity = complexities(sources())
    c_and_h = file_lengths(sources() + headers())
    test_functions = [n for n, _ in function_lengths([t for t in tests() if t.suffix == ".c"])]
    widths = [len(line) for f in sources() + headers() for line in f.read_text().splitlines() if line]

    print(f"{'':<22} {'count':>6}   {'med / p90 / max':>18}   aim")
    row("function lines", lengths, "10 / 25 / 40")
    row("complexity", [n for n, _ in complexity], "- / 5 / 10")
    row("file lines", [n for n, _ in c_and_h], "150 / 300 / 400")
    row("test function lines", test_functions, "9 / 20 / -")
    row("line width", widths, "- / - / 90")
    share_row("functions <= 25 lines", f"{100 * sum(n <= 25 for n in lengths) / max(len(lengths), 1):.0f} %", ">= 90 %")
    share_row("comments in .c", f"{comment_share(sources()):.0f} %", "2 to 10 %")
    share_row("comments in .h", f"{comment_share(headers()):.0f} %", "30 to 50 %")
    source, test = code_lines(sources() + headers()), code_lines(tests())
    share_row("test : source", f"{test} : {source} = {test / max(source, 1):.2f}", ">= 1.2")
    by_layer()
    worst("longest functions", functions)
    worst("most complex functions", complexity)
    worst("longest files", c_and_h)
    return 0


if __name__ == "__main__":
    sys.exit(main())
