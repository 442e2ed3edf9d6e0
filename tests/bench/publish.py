"""The report of a run into docs/performance.md, between its two marks, and the chart beside it."""

from machine import ROOT

import chart
import report

PAGE, PICTURE = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
BEGIN, END = "<!-- figures: written by bench.py publish -->\n", "<!-- end of figures -->\n"


def publish(run):
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    picture = "![CPU time of one request](%s)\n" % PICTURE.name
    made = "`%s`, %s, Linux %s; %s.\n" % (run["command"], run["when"], run["kernel"], ", ".join(run["versions"]))
    PAGE.write_text("\n".join([before + BEGIN, made, picture, report.report(run), END]) + after)
    PICTURE.write_text(chart.chart(run))
    print("wrote %s and %s" % (PAGE.relative_to(ROOT), PICTURE.relative_to(ROOT)))
