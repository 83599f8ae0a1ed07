"""The environment of a process that knows the toys."""

import os
from pathlib import Path

TOY = Path(__file__).parent


def toy_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with the toys in it, and ``changes``."""
    paths = [str(TOY), str(TOY.parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | changes


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Where Python takes text for ASCII unless it is told otherwise."""
