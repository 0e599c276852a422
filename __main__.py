"""The Pulumi program, for plain `pulumi up`. `signet up` runs the same one inline."""

import pulumi

from components.program import main
from signet.errors import SignetError

try:
    main()
except SignetError as error:
    raise pulumi.RunError(str(error)) from None
