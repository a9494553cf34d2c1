"""``python -m xenparley_cli`` is ``xenparley``."""

import sys

from xenparley_cli.entry import main

sys.exit(main())
