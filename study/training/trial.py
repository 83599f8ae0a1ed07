"""One trial, epoch by epoch: the same on one worker, on many, and without any cluster."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, final

from torch import Tensor, nn

from study.data import PreparedData
from study.errors import DataError, Problem, TrialError
from study.plan.digest import digest_of
from study.plan.trainlog import EpochLog
from study.plan.trial import TrialSpec
from study.training import checkpoint
from study.training.batches import batches, num_batches
from study.training.evaluate import evaluate_rung
from study.training.finish import Finished, Outcome, finish
from study.training.meter import Meter, Reading, finite, peak_memory_gb
from study.training.network import build_network
from study.training.optimizer import build_optimizer, learning_rate
from study.training.progress import Progress, Unwatched
from study.training.seeding import seeded
from study.training.step import BatchLoss, distributed, learnt_temperature, repelled_by
from study.training.world import Alone, World, on_all, on_first, share_of


@final
class Trial:
    """A network in training. Every worker holds one; all must be asked the same in step."""

    def __init__(
        self,
        spec: TrialSpec,
        data: PreparedData,
        world: World | None = None,
        *,
        metric: str = "f1_macro",
        digest: str | None = None,
        progress: Progress | None = None,
        note_epoch: Callable[[EpochLog], None] | None = None,
    ) -> None:
        """Build the network and open the training split.

        Args:
            spec: What the trial is.
            data: Prepared by the spec's encoder.
            world: The workers; None: this process alone, on the CPU.
            metric: Name of the metric that tunes thresholds: the objective's.
            digest: Names the trial in checkpoints and outcomes; None: the spec's own digest.
                Given where it was stored: a later version may digest the same spec otherwise.
            progress: Is told of phases and steps.
            note_epoch: Is given, on rank zero, what every epoch came to, and parts of it if
                ``spec.log_every`` asks for them.

        Raises:
            DataError: If the data was prepared by another encoder, or the training split is
                missing or damaged.
            TrialError: If the batch does not fit the training split or the workers.
        """
        _require_own(data, spec)
        self.spec = spec
        self.epoch = 0
        """Epochs that are done."""
        self.digest = digest or digest_of(spec)
        self._data, self._metric = data, metric
        self._progress = Unwatched() if progress is None else progress
        self._note_epoch = note_epoch
        self._world = Alone() if world is None else world
        self._train = data.split("train")
        self._num_batches = num_batches(len(self._train), spec.batch_size, self._world)
        device = self._world.device
        with seeded(spec.seed, device=device):
            network = build_network(spec, data.state, len(data.label_names)).to(device)
            loss = spec.loss.build().to(device)
        self._module = BatchLoss(network, loss, self._world, spec.precision)
        if spec.count_repelled:
            self._module.repelled = repelled_by(loss)
        self._distributed = distributed(self._module, self._world)
        self._optimizer = build_optimizer(spec.optimizer, self._module)

    def advance(self, until_epoch: int) -> dict[str, float]:
        """Train to the end of an epoch and return what was measured there.

        Args:
            until_epoch: Epochs to have done: more than now, at most ``spec.epochs``.

        Returns:
            ``val/METRIC`` for all metrics, ``val/threshold``, for classifiers
            ``val/head_f1_macro``, ``train/loss`` (mean of the last epoch),
            ``train/temperature`` if it is learnt (as it is now),
            ``train/repelled_positives`` if asked for (share since the last rung) and
            ``perf/samples_per_s`` (of training, over all workers).

        Raises:
            TrialError: If the loss or the features are no longer finite.
            ValueError: If ``until_epoch`` is not ahead.
        """
        if not self.epoch < until_epoch <= self.spec.epochs:
            raise ValueError(
                f"until_epoch must be in [{self.epoch + 1}, {self.spec.epochs}], not {until_epoch}"
            )
        num_epochs, start_s, loss = until_epoch - self.epoch, time.perf_counter(), math.nan
        self._progress.phase("training")
        while self.epoch < until_epoch:
            loss = self._train_epoch()
        seconds = time.perf_counter() - start_s
        samples = num_epochs * self._num_batches * self.spec.batch_size
        found = self._evaluate()
        found |= {"train/loss": loss, "perf/samples_per_s": samples / seconds}
        temperature = learnt_temperature(self._module.loss)
        if temperature is not None:
            found["train/temperature"] = temperature
        if self._module.repelled is not None:
            found["train/repelled_positives"] = self._module.repelled.share(self._world)
        # Workers' clocks differ.
        return self._world.broadcast(found)

    def _evaluate(self) -> dict[str, float]:
        val = on_all(self._world, lambda: self._data.split("val"))
        network = self._module.network
        return evaluate_rung(network, self._train, val, self._world, self._metric, self._progress)

    def save(self, folder: Path, metrics: Mapping[str, float]) -> None:
        """Write a checkpoint to ``folder``, whole or not at all; rank 0 does.

        Args:
            folder: Is replaced if it is there. Every worker must see it.
            metrics: What :meth:`advance` returned.
        """
        facts = checkpoint.Facts(
            trial_digest=self.digest,
            dataset_digest=self._data.dataset_digest,
            epoch=self.epoch,
            metrics=dict(metrics),
            trial=self.spec.model_dump(mode="json"),
        )
        self._progress.phase("checkpointing")
        tensors = checkpoint.tensors_of(self._module, self._optimizer)
        on_first(self._world, lambda: checkpoint.write(folder, tensors, facts))

    def load(self, folder: Path) -> dict[str, float]:
        """Go on from a checkpoint and return the metrics stored in it.

        Raises:
            TrialError: If it is missing, damaged, or of another trial or dataset.
            StoreError: If a newer version of this package wrote it.
        """
        self._progress.phase("building")
        facts = on_all(self._world, lambda: self._load(folder))
        self.epoch = facts.epoch
        return facts.metrics

    def finish(self, folder: Path, provenance: Mapping[str, Any]) -> Outcome:
        """Choose the scorer on val, score test once, and write ``folder``: a finalist's end.

        Args:
            folder: Written whole or not at all. If it already holds this trial's outcome,
                that is returned and test is not touched.
            provenance: Travels with the model: values that JSON holds.

        Raises:
            DataError: If the test split is missing or damaged.
            TrialError: If the features are not finite.
        """
        self._progress.phase("finishing")
        model = Finished(self.spec, self.digest, self._module.network, self._data, self._metric)
        return finish(model, folder, provenance, self._world)

    def _train_epoch(self) -> float:
        """Train one epoch and return its mean loss, the same on every worker."""
        world, spec = self._world, self.spec
        first, steps = self.epoch * self._num_batches, spec.epochs * self._num_batches
        order = batches(len(self._train), spec.batch_size, seed=spec.seed, epoch=self.epoch)
        meter = Meter(world)
        self._distributed.train()
        with seeded(spec.seed, world.rank, self.epoch, device=world.device):
            for step, rows_N in enumerate(order, start=first):
                rate = learning_rate(spec.schedule, spec.optimizer.learning_rate, step, steps)
                meter.add(*self._step(rows_N, rate))
                self._progress.step(step + 1, steps)
                is_last = step + 1 == first + self._num_batches
                if spec.log_every and (step + 1) % spec.log_every == 0 and not is_last:
                    self._note(meter.read(), step + 1, rate)
        reading = meter.read()
        self._note(reading, first + self._num_batches, rate)
        self.epoch += 1
        return self._checked(reading.loss)

    def _checked(self, loss: float) -> float:
        if not math.isfinite(loss):
            rule = f"must be finite, not {loss} (epoch {self.epoch}); try a lower "
            hint = "optimizer.learning_rate or a higher loss.temperature"
            raise TrialError(Problem("train/loss", rule + hint))
        return loss

    def _note(self, reading: Reading, step: int, rate: float) -> None:
        """Write what an epoch came to so far into the training log, if there is one."""
        if self._note_epoch is None or self._world.rank > 0:
            return
        line = EpochLog(
            epoch=self.epoch + 1,
            epochs=self.spec.epochs,
            step=step,
            steps=self.spec.epochs * self._num_batches,
            loss=finite(reading.loss),
            learning_rate=rate,
            grad_norm=finite(reading.grad_norm),
            grad_norm_max=finite(reading.grad_norm_max),
            samples_per_s=reading.steps * self.spec.batch_size / reading.seconds,
            memory_gb=peak_memory_gb(self._world.device),
            seconds=reading.seconds,
            time=time.time(),
        )
        self._note_epoch(line)

    def _step(self, rows_N: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        """Move the weights by one batch; return this worker's loss and the gradient's length."""
        device = self._world.device
        inputs = self._train.take(rows_N[share_of(len(rows_N), self._world)])
        share = {name: column.to(device) for name, column in inputs.items()}
        loss: Tensor = self._distributed(share, self._train.y_NL[rows_N].to(device))
        self._optimizer.zero_grad()
        loss.backward()
        parameters = self._module.parameters()
        norm = nn.utils.clip_grad_norm_(parameters, self.spec.optimizer.clip_norm)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        return loss.detach(), norm

    def _load(self, folder: Path) -> checkpoint.Facts:
        tensors, facts = checkpoint.read(folder)
        wanted = (self.digest, self._data.dataset_digest)
        if (facts.trial_digest, facts.dataset_digest) != wanted:
            rule = f"must be a checkpoint of trial {wanted[0]} on this dataset"
            raise TrialError(Problem(str(folder), f"{rule}, not of {facts.trial_digest}"))
        try:
            checkpoint.restore(self._module, self._optimizer, tensors)
        except (KeyError, RuntimeError, ValueError):
            raise TrialError(Problem(str(folder), "must be a whole checkpoint")) from None
        return facts


def _require_own(data: PreparedData, spec: TrialSpec) -> None:
    """Refuse data that another preprocess made: the trial would not be what its spec says."""
    own = spec.encoder.preprocess_key()
    if data.preprocess_key != own:
        rule = f"must be prepared by the trial's encoder (key {own}), not by {data.preprocess_key}"
        raise DataError(Problem(str(data.folder), rule))


def run_trial(
    spec: TrialSpec,
    data: PreparedData,
    rungs: Iterable[int],
    world: World | None = None,
    *,
    metric: str = "f1_macro",
) -> list[dict[str, float]]:
    """Return what a new trial measures at each of ``rungs`` (epochs, rising).

    Raises:
        DataError: If a split is missing or damaged.
        TrialError: If the trial fails.
    """
    trial = Trial(spec, data, world, metric=metric)
    return [trial.advance(epoch) for epoch in rungs]
