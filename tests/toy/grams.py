"""A second encoder: counts of hashed runs of characters, and one layer on top."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from study.models.base import Encoder, EncoderSpec
from study.spec import Arrays, Inputs, Preprocess, Texts


@final
class GramsSpec(EncoderSpec):
    """Needs no vocabulary."""

    name: Literal["grams"] = "grams"

    dim: int = 16
    """Size of the feature."""

    buckets: int = 256
    """Runs of characters are hashed into so many."""

    reads: ClassVar[tuple[type, ...]] = (Texts,)

    def preprocess(self) -> Preprocess:
        return Hashing(self.buckets)

    def preprocess_key(self) -> str:
        return f"grams-{self.buckets}"

    def build(self, state: Mapping[str, Any]) -> Encoder:
        return Grams(state["buckets"], self.dim)


@final
class Hashing:
    """Texts as counts of their hashed trigrams, of unit length."""

    def __init__(self, buckets: int) -> None:
        self.buckets = buckets

    def fit(self, train: Inputs) -> Mapping[str, Any]:
        return {"buckets": self.buckets}

    def apply(self, inputs: Inputs, state: Mapping[str, Any]) -> Arrays:
        assert isinstance(inputs, Texts)
        count_NB = np.zeros((len(inputs), state["buckets"]), np.float32)
        for row, text in enumerate(inputs.texts):
            for start in range(len(text) - 2):
                count_NB[row, zlib.crc32(text[start : start + 3].encode()) % state["buckets"]] += 1
        length_N1 = np.linalg.norm(count_NB, axis=1, keepdims=True)
        return {"grams": count_NB / np.maximum(length_N1, 1)}


@final
class Grams(Encoder):
    """One layer."""

    def __init__(self, buckets: int, dim: int) -> None:
        super().__init__()
        self.out_dim = dim
        self.layer = nn.Linear(buckets, dim)

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        return torch.tanh(self.layer(batch["grams"].to(self.layer.weight.dtype)))


def add_row(package: ModuleType) -> None:
    """Put the encoder into the table."""
    package.ENCODERS["grams"] = GramsSpec
