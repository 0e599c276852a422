"""Make this clone ready to work: `.venv`, and the `pulumi` command in the machine's cache.

Run by `make setup`, and by `make demo` and `make test` before they begin. It needs nothing but
Python 3.11 or later. Written so that an older Python reads it too, and says what it needs.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
NEEDED = (3, 11)

if __name__ == "__main__":
    if sys.version_info < NEEDED:
        sys.stderr.write(
            "Signet needs Python %d.%d or later; this is %d.%d (%s).\n"  # noqa: UP031
            "  Way out: install a newer Python and name it: make setup PYTHON=python3.11\n"
            % (NEEDED + sys.version_info[:2] + (sys.executable,))
        )
        sys.exit(2)
    sys.path.insert(0, ROOT)
    from tools.house.main import main

    sys.exit(main())
