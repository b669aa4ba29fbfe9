"""`polyhead serve` with processes that load no model (`double.py`), and with as little patience as a test has."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from typing import Any

from polyhead.cli.app import app, run
from polyhead.serving import limits, process, pump, server


def main() -> int:
    own: dict[str, Any] = json.loads(os.environ.get("DOUBLE_LIMITS", "{}"))
    limits.ServerLimits = partial(limits.ServerLimits, **own)  # type: ignore[misc]
    process._MODULE = "tests.serving.double"
    pump.STUCK_SECONDS = float(os.environ.get("DOUBLE_STUCK", "120"))
    server.locate = lambda model: model  # type: ignore[assignment]
    return run(app, ["serve", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
