"""What one trial is: everything that decides its outcome, in one frozen value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias, final

from pydantic import Field, SerializeAsAny

from study.data import DATASETS, DatasetSpec
from study.errors import Problem
from study.losses import LOSSES, CombinedSpec, LossSpec
from study.models import (
    ENCODERS,
    PROJECTIONS,
    EncoderSpec,
    ProjectionSpec,
    PrototypesSpec,
)
from study.spec import Spec, one_of

if TYPE_CHECKING:
    AnyDataset: TypeAlias = DatasetSpec
    AnyEncoder: TypeAlias = EncoderSpec
    AnyLoss: TypeAlias = LossSpec
    AnyProjection: TypeAlias = ProjectionSpec
else:
    AnyDataset = one_of(DATASETS)
    AnyEncoder = one_of(ENCODERS)
    AnyLoss = one_of(LOSSES)
    AnyProjection = one_of(PROJECTIONS)


@final
class OptimizerSpec(Spec):
    """How weights follow their gradients."""

    name: Literal["adamw"] = "adamw"
    """AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101)."""

    learning_rate: float = Field(default=1e-2, gt=0)
    """Peak learning rate, reached after the warm-up; above 0."""

    weight_decay: float = Field(default=1e-2, ge=0)
    """Decoupled weight decay; not applied to biases, norms and a learnt temperature."""

    clip_norm: float = Field(default=1.0, gt=0)
    """Gradients longer than this (L2, over all parameters) are shortened to it; above 0."""


@final
class ScheduleSpec(Spec):
    """How the learning rate moves over the steps of a trial."""

    name: Literal["cosine", "constant"] = "cosine"
    """After the warm-up: half a cosine down to 0, or constant."""

    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    """Share of all steps over which the rate rises linearly from 0; in [0, 1)."""


class TrialSettings(Spec):
    """What every trial is, unless the space says otherwise: ``trial`` of a study file."""

    encoder: SerializeAsAny[AnyEncoder] = ENCODERS["bow"]()
    """Turns inputs into features; the probe reads the features it gives."""

    projection: SerializeAsAny[AnyProjection] = PROJECTIONS["mlp"]()
    """Head between features and contrastive loss; classifiers have none."""

    prototypes: PrototypesSpec = PrototypesSpec()
    """One learnt embedding per label, for the losses that have them."""

    loss: SerializeAsAny[AnyLoss] = LOSSES["reg"]()
    """What training minimises."""

    batch_size: int = Field(default=256, ge=2)
    """Samples per step over all workers; at least 2."""

    epochs: int = Field(default=9, ge=1)
    """Passes over the training split; at least 1. Incomplete last batches are dropped."""

    optimizer: OptimizerSpec = OptimizerSpec()
    """How weights follow their gradients."""

    schedule: ScheduleSpec = ScheduleSpec()
    """How the learning rate moves."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """Type of the encoder's matrix products; losses are always computed in fp32."""

    seed: int = Field(default=0, ge=0, lt=2**31)
    """Decides initial weights, order of samples and dropout."""

    log_every: int | None = Field(default=None, ge=1)
    """Steps between two lines of the training log, which has one at the end of every epoch
    anyway; None for no others. Every line waits for the device once."""

    count_repelled: bool = False
    """Whether to measure ``train/repelled_positives``: the share of positive pairs whose softmax
    share exceeds their weight, which a plain contrastive gradient pushes apart. It visits all
    pairs once more. Part of the trial's digest, like all its fields."""


@final
class TrialSpec(TrialSettings):
    """One trial: the settings with drawn values put in, and the dataset."""

    dataset: SerializeAsAny[AnyDataset]
    """What is learnt from."""

    def problems(self) -> Iterator[Problem]:
        """Yield a problem if the encoder cannot read the dataset, or serve the loss."""
        encoder = self.encoder
        is_read = bool(set(encoder.reads) & set(self.dataset.gives))
        if not is_read:
            yield Problem("encoder.name", f"{encoder.name} cannot read {self.dataset.name}")
        for path, part in _parts(self.loss):
            if is_read and part.embeds == "labels" and not encoder.gives_tokens:
                rule = f"{encoder.name} gives no token features, which loss {part.name} needs"
                yield Problem("encoder.name", rule)
            if getattr(part, "references", "batch") == "keys":
                rule = "must be batch, not 'keys': training keeps no keys yet"
                yield Problem(f"{path}.references", rule)


def _parts(loss: LossSpec) -> Iterator[tuple[str, LossSpec]]:
    """Yield a loss, or in its place those that it is made of, with their paths."""
    if isinstance(loss, CombinedSpec):
        yield "loss.contrastive", loss.contrastive
        yield "loss.classifier", loss.classifier
    else:
        yield "loss", loss
