"""With this folder on PYTHONPATH every Python process has the toys as rows of the tables.

The tables are read when ``study.plan`` is imported, in the driver and in Ray's workers alike. So
the rows are added right after ``study.data`` and ``study.models`` are loaded, before anybody
can read them. Python imports a module of this name by itself as it starts.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

TOYS = {"study.data": "sayings", "study.models": "grams"}
"""Package with a table, and the module whose ``add_row`` is called with it."""


class _Finder:
    @staticmethod
    def find_spec(
        name: str, path: list[str], _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in TOYS else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_add(module: ModuleType) -> None:
            execute(module)
            importlib.import_module(TOYS[name]).add_row(module)

        spec.loader.exec_module = execute_and_add  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]
