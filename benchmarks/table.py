"""The README's results, written from the result files: ``python -m benchmarks.table``."""

from __future__ import annotations

import re

from benchmarks.record import RESULTS
from benchmarks.render.overview.headline import headline

README = RESULTS.parent.parent / "README.md"
MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)


def main() -> None:
    text = README.read_text()
    README.write_text(MARKS.sub(lambda found: found[1] + headline() + found[2], text))


if __name__ == "__main__":
    main()
