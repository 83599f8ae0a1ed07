"""A second dataset: raw texts in several scripts, four labels, made on the spot."""

from __future__ import annotations

import random
from types import ModuleType
from typing import ClassVar, Literal, final

import numpy as np

from study.data.base import Dataset, DatasetSpec, RawSplit, Split
from study.spec import Texts

WORDS = {
    "größe": ("groß", "klein", "länger", "kürzer"),
    "色": ("赤い", "青い", "緑の", "白い"),
    "звук": ("тихо", "громко", "звонко", "глухо"),
    "goût": ("sucré", "salé", "amer", "épicé"),
}
"""Words that a text with a label may hold, by label."""

FILLERS = ("the", "of", "and", "with", "a", "some")
SIZES: dict[Split, int] = {"train": 200, "val": 80, "test": 80}


@final
class SayingsSpec(DatasetSpec):
    """Every label of a text leaves two of its words in it."""

    name: Literal["sayings"] = "sayings"

    seed: int = 0
    """Decides the texts."""

    gives: ClassVar[tuple[type, ...]] = (Texts,)

    def open(self) -> Dataset:
        drawn = random.Random(self.seed)
        splits = {name: _split(name, size, drawn) for name, size in SIZES.items()}
        return Dataset("sayings", tuple(WORDS), splits, f"{self.seed:064x}")


def _split(name: Split, size: int, drawn: random.Random) -> RawSplit:
    texts, rows = [], []
    for _ in range(size):
        labels = drawn.sample(list(WORDS), drawn.choice([1, 1, 2, 3]))
        words = [word for label in labels for word in drawn.sample(WORDS[label], 2)]
        words += drawn.choices(FILLERS, k=4)
        drawn.shuffle(words)
        texts.append(" ".join(words))
        rows.append([label in labels for label in WORDS])
    ids = tuple(f"{name}-{row}" for row in range(size))
    return RawSplit(ids, Texts(tuple(texts)), np.array(rows, np.uint8))


def add_row(package: ModuleType) -> None:
    """Put the dataset into the table."""
    package.DATASETS["sayings"] = SayingsSpec
