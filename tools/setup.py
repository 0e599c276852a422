"""Make this clone ready to work: `.venv`, and the `pulumi` command in the machine's cache.

Run by `make setup`, and by `make demo` and `make test` before they begin. It needs nothing but
Python 3.11 to 3.13. Written so that an older Python reads it too, and says what it needs.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
NEEDED = (3, 11)
BELOW = (3, 14)

if __name__ == "__main__":
    if not NEEDED <= sys.version_info[:2] < BELOW:
        sys.stderr.write(
            "Signet needs Python 3.11, 3.12 or 3.13; %s is %d.%d.\n"  # noqa: UP031
            "  Way out: install one of these and name it: make setup PYTHON=python3.11\n"
            % (sys.executable, sys.version_info[0], sys.version_info[1])
        )
        sys.exit(2)
    sys.path.insert(0, ROOT)
    from tools.house.main import main

    sys.exit(main())
