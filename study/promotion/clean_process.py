"""A registered model, loaded in a fresh process as whoever serves it will load it.

No pickle is allowed there, and this package is found only where it travels with the model.

Letters: N texts, L labels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

import study
from study.serving import Classifier, load
from study.spec import Texts
from study.tracking import RELOAD_SCRIPT, hidden

TOLERANCE = 1e-5
"""Largest difference of a score; other threads may add in another order."""

_TIMEOUT_S = 300.0


@final
@dataclass(frozen=True)
class Reload:
    """What came of it."""

    texts: int
    """How many texts were scored."""

    difference: float
    """Largest difference of a score from the exported folder's; infinite if it has none."""

    problem: str = ""
    """Why the model does not answer; empty if it does."""

    @property
    def holds(self) -> bool:
        """Whether the registered model is the exported one."""
        return not self.problem and self.difference <= TOLERANCE


def reload(tracking_uri: str, model_uri: str, exported: Path, texts: Sequence[str]) -> Reload:
    """Compare a registered model with the folder it was made of.

    Args:
        tracking_uri: Of the store.
        model_uri: ``models:/NAME/VERSION``.
        exported: The folder that was registered.
        texts: What both are asked.
    """
    classifier = load(exported)
    score_NL = classifier.scores(Texts(tuple(texts)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer.json"
        asked = {"uri": model_uri, "texts": list(texts), "answer": str(file)}
        problem = _ask(asked, tracking_uri, folder)
        if problem:
            return Reload(len(texts), np.inf, problem)
        answer = json.loads(file.read_text("utf-8"))
    problem = _by_other_code(answer)
    if problem:
        return Reload(len(texts), np.inf, problem)
    other_NL = _scores(answer, classifier)
    return Reload(len(texts), float(np.abs(score_NL - other_NL).max(initial=0.0)))


def _ask(asked: dict[str, Any], tracking_uri: str, folder: str) -> str:
    """Run the script; return why it failed, or nothing."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_REGISTRY_URI": tracking_uri,
    }
    try:
        done = subprocess.run(
            # Isolated, and leaving no compiled files among the model's artifacts.
            [sys.executable, "-I", "-B", str(RELOAD_SCRIPT)],
            input=json.dumps(asked),
            env=environment,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_TIMEOUT_S:.0f} s"
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return hidden(lines[-1], tracking_uri)[:300] if lines else f"exit code {done.returncode}"
    return ""


def _by_other_code(answer: dict[str, Any]) -> str:
    if Path(answer["code"]).resolve() == Path(str(study.__file__)).resolve():
        return "this package's own code was used, not the code that travels with the model"
    if answer["modules"]:
        return f"it needs {' and '.join(answer['modules'])}"
    return ""


def _scores(answer: dict[str, Any], classifier: Classifier) -> NDArray[np.float64]:
    """Return the answer's scores (N, L) in the classifier's order; NaN where one is missing."""
    place = {name: index for index, name in enumerate(classifier.label_names)}
    score_NL = np.full((len(answer["labels"]), len(place)), np.nan)
    for row, (labels, scores) in enumerate(zip(answer["labels"], answer["scores"], strict=True)):
        score_NL[row, [place[label] for label in labels]] = scores
    return score_NL
