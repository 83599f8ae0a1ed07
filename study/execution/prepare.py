"""Prepared data of every encoder that a study draws, made when it is first asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import final

from study.data import Dataset, prepare
from study.errors import DataError
from study.models import EncoderSpec

_log = logging.getLogger(__name__)


@final
class PreparedFolders:
    """One folder per ``preprocess_key()``; threads may ask at the same time."""

    def __init__(self, dataset: Dataset, root: Path, notice: Callable[[str], None]) -> None:
        """Make nothing yet.

        Args:
            dataset: What is prepared.
            root: Folder of all caches.
            notice: Shows the user a line before data is prepared, which may take long.
        """
        self._dataset = dataset
        self._root = root
        self._notice = notice
        self._known: dict[str, Path | DataError] = {}
        self._lock = threading.Lock()

    def folder_for(self, encoder: EncoderSpec) -> Path:
        """Return the folder with the data as ``encoder`` reads it.

        Raises:
            DataError: If this encoder's preprocess cannot prepare this dataset.
            StoreError: If a newer version of this package wrote the folder.
            MachineError: If it cannot be written.
        """
        key = encoder.preprocess_key()
        with self._lock:
            if key not in self._known:
                self._known[key] = self._prepared(encoder, key)
            found = self._known[key]
        if isinstance(found, DataError):
            raise found
        return found

    def _prepared(self, encoder: EncoderSpec, key: str) -> Path | DataError:
        preprocess, begin = encoder.preprocess(), lambda: self._begin(encoder)
        try:
            return prepare(self._dataset, preprocess, key, self._root, begin)
        except DataError as error:
            # It would be the same for the next trial that draws this preprocess.
            return error

    def _begin(self, encoder: EncoderSpec) -> None:
        given = encoder.model_dump(mode="json", exclude_defaults=True).items()
        settings = ", ".join(f"{name}={value}" for name, value in given if name != "name")
        of = f"{encoder.name} ({settings})" if settings else encoder.name
        line = f"preparing {self._dataset.name} for the encoder {of}"
        _log.info(line)
        self._notice(line)
