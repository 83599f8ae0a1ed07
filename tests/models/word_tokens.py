"""An encoder with a feature per word: what a head that looks at tokens is tested on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor, nn

from study.models import BowSpec, EncoderSpec, TokenEncoder, Tokens
from study.spec import Preprocess, Texts, WordCounts


@final
class WordTokensSpec(EncoderSpec):
    """Reads what `bow` reads, and takes the same arrays."""

    name: Literal["word_tokens"] = "word_tokens"

    dim: int = 8
    """Size of a word's vector and of the feature."""

    reads: ClassVar[tuple[type, ...]] = (WordCounts, Texts)
    gives_tokens: ClassVar[bool] = True

    def preprocess(self) -> Preprocess:
        return BowSpec().preprocess()

    def preprocess_key(self) -> str:
        return BowSpec().preprocess_key()

    def build(self, state: Mapping[str, Any]) -> WordTokens:
        return WordTokens(len(state["words"]), self.dim)


@final
class WordTokens(TokenEncoder):
    """A layer over the vector of every word, and their mean."""

    def __init__(self, num_words: int, dim: int) -> None:
        super().__init__()
        self.out_dim = dim
        self.vectors = nn.Embedding(num_words, dim)
        self.hidden = nn.Linear(dim, dim)

    def tokens(self, batch: Mapping[str, Tensor]) -> Tokens:
        length_N = batch["words_offsets"].diff()
        words = batch["words"].long().split(length_N.tolist())
        word_NT = nn.utils.rnn.pad_sequence(list(words), batch_first=True)
        present_NT = torch.arange(word_NT.shape[1]) < length_N[:, None]
        x_NTD = self.vectors(word_NT)
        return Tokens(x_NTD + torch.tanh(self.hidden(x_NTD)), present_NT)

    def pool(self, tokens: Tokens) -> Tensor:
        x_NTD = tokens.x_NTD.masked_fill(~tokens.present_NT[..., None], 0)
        num_tokens_N1 = tokens.present_NT.sum(dim=1, keepdim=True)
        return x_NTD.sum(dim=1) / num_tokens_N1.clamp_min(1)
