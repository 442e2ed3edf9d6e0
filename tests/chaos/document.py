"""Generated parts of a page, each between `<!-- NAME -->` and `<!-- end of NAME -->`."""

import os
import re
from pathlib import Path


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = re.sub(r"\((R|TM)\)|@.*|CPU", "", model[1]).strip() if model else os.uname().machine
    return "%d × %s, Linux %s" % (len(os.sched_getaffinity(0)), " ".join(name.split()), os.uname().release.split("-")[0])


def replace(path, name, text):
    begin, end = "<!-- %s -->" % name, "<!-- end of %s -->" % name
    before, _, rest = path.read_text().partition(begin)
    _, there, after = rest.partition(end)
    assert there, "%s has no part %s" % (path, name)
    path.write_text("%s%s\n%s\n%s%s" % (before, begin, text, end, after))
