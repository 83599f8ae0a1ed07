"""What an encoder is: raw inputs to arrays (its preprocess), arrays to features.

Letters: N examples, D size of a feature, T tokens or patches of the longest example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from torch import Tensor, nn

from study.spec import Preprocess, Spec


class Encoder(nn.Module, ABC):
    """Arrays of one batch to one feature per example."""

    out_dim: int
    """Size of a feature."""

    @abstractmethod
    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the features (N, out_dim) of a batch.

        Args:
            batch: The columns that the encoder's preprocess returns, as tensors; a ragged
                column comes with its offsets (N + 1, int64), from 0 on.
        """


@final
@dataclass(frozen=True, eq=False)
class Tokens:
    """A feature for every token or patch of every example of a batch."""

    x_NTD: Tensor
    """The features, D = the encoder's ``out_dim``; any value where there is no token."""

    present_NT: Tensor
    """Where there is a token, boolean; an example may have none."""


class TokenEncoder(Encoder, ABC):
    """An encoder that makes an example's feature out of one feature per token or patch.

    A head that looks at tokens and one that looks at whole examples share one pass.
    """

    @abstractmethod
    def tokens(self, batch: Mapping[str, Tensor]) -> Tokens:
        """Return the token features of a batch; ``batch`` as :meth:`forward` takes it."""

    @abstractmethod
    def pool(self, tokens: Tokens) -> Tensor:
        """Return the features (N, out_dim) of examples whose tokens are known.

        It has no parameters: a loss that looks at tokens alone would not train them.
        """

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the features (N, out_dim) of a batch: its tokens, pooled."""
        return self.pool(self.tokens(batch))


class EncoderSpec(Spec, ABC):
    """Which encoder, how large, and how it reads its inputs."""

    name: str = ""
    """The encoder's row in ``ENCODERS``; each spec fixes its own."""

    reads: ClassVar[tuple[type, ...]]
    """Kinds of :data:`study.spec.Inputs` that its preprocess takes."""

    gives_tokens: ClassVar[bool] = False
    """Whether it builds a :class:`TokenEncoder`; losses of label embeddings need one."""

    @abstractmethod
    def preprocess(self) -> Preprocess:
        """Return what turns raw inputs into the arrays that the encoder takes."""

    @abstractmethod
    def preprocess_key(self) -> str:
        """Return a digest of the fields that :meth:`preprocess` depends on, and no other."""

    @abstractmethod
    def build(self, state: Mapping[str, Any]) -> Encoder:
        """Return a new encoder, its weights drawn from torch's global generator.

        Args:
            state: What the preprocess learnt from the training split.
        """

    def largest_state(self) -> Mapping[str, Any] | None:
        """Return a preprocess's state that makes the largest encoder, before data is read.

        For sizes only. None if the data decides without a limit.
        """
        return None
