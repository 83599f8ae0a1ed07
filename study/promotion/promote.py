"""The winner of a study becomes a version of the registered model, and perhaps champion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TypeAlias, final

from study.errors import GateError
from study.metrics import METRICS
from study.plan import (
    AnyEvent,
    FinalistResult,
    FinalistRun,
    ModelResult,
    SeedResult,
    StudyResult,
    fold,
)
from study.plan.events import IntervalValue
from study.promotion.clean_process import TOLERANCE, Reload, reload
from study.promotion.gate import Gate, champion_check, floor_checks, reload_check
from study.serving import read_manifest
from study.spec import Direction
from study.tracking import Registry, Store, ensure_run, study_id

LoadAnew: TypeAlias = Callable[[str, str, Path, Sequence[str]], Reload]
"""Tracking URI, model URI, exported folder and texts to what came of it."""

CHALLENGER = "challenger"
CHAMPION = "champion"

_DIRECTIONS: Mapping[str, Direction] = {
    f"test/{name}": metric.direction for name, metric in METRICS.items()
}


def register_winner(
    store: Store,
    events: Sequence[AnyEvent],
    folder: Path,
    texts: Sequence[str],
    load_anew: LoadAnew = reload,
) -> ModelResult:
    """Register the winner's run as challenger; as champion too if the gate opens.

    Doing it twice does no harm: the same study registers one version.

    Args:
        store: Where the study is tracked. The winner's run is made if it is missing there;
            nothing else may write the study's runs meanwhile.
        events: Of a study whose finalists are ranked.
        folder: The study's own.
        texts: At least one; the first becomes the model's example, and all of them are asked
            of the model in a fresh process.
        load_anew: Compares the registered model with the exported folder.

    Raises:
        GateError: If there is no winner.
        StoreError: If the store cannot be used.
    """
    winner = _Winner(fold(events, running=False), folder)
    run_id = ensure_run(store, events, winner.run)
    registry = Registry(store)
    name = winner.model_name
    version = registry.register(run_id, winner.exported, name, winner.tags(), texts[0])
    registry.set_alias(name, CHALLENGER, version)
    uri = f"models:/{name}/{version}"
    again = load_anew(store.uri, uri, winner.exported, texts)
    gate = Gate(
        (
            *floor_checks(winner.test_means(), winner.floors, _DIRECTIONS),
            reload_check(again.texts, again.difference, again.problem, TOLERANCE),
            # Read as late as can be: whoever was promoted meanwhile stays.
            champion_check(registry.version_of(name, CHAMPION), version),
        )
    )
    aliases: tuple[str, ...] = (CHALLENGER,)
    if gate.opens:
        registry.set_alias(name, CHAMPION, version)
        aliases = (CHALLENGER, CHAMPION)
    registry.set_tags(name, version, _gate_tags(gate.lines, is_open=gate.opens))
    return ModelResult(name=name, version=version, aliases=aliases, uri=uri, gate=gate.lines)


def restore_winner(
    store: Store, events: Sequence[AnyEvent], folder: Path, texts: Sequence[str]
) -> ModelResult | None:
    """Register a winner again that the registry has lost; None if it has it.

    The version gets the tags and aliases it had, with the gate's verdict of then; an alias
    that points at another version by now stays there.

    Args:
        store: Where the study is tracked.
        events: Of a study that has registered its winner.
        folder: The study's own.
        texts: The first becomes the model's example.

    Raises:
        GateError: If there is no winner.
        StoreError: If the store or the exported model cannot be used.
    """
    result = fold(events, running=False)
    winner, known = _Winner(result, folder), result.model
    registry = Registry(store)
    if known is None or registry.find(known.name, winner.tags()) is not None:
        return None
    run_id = ensure_run(store, events, winner.run)
    version = registry.register(run_id, winner.exported, known.name, winner.tags(), texts[0])
    free = [one for one in known.aliases if registry.version_of(known.name, one) is None]
    for alias in free:
        registry.set_alias(known.name, alias, version)
    is_open = CHAMPION in known.aliases
    registry.set_tags(known.name, version, _gate_tags(known.gate, is_open=is_open))
    uri = f"models:/{known.name}/{version}"
    return known.model_copy(update={"version": version, "uri": uri, "aliases": tuple(free)})


def _gate_tags(lines: Sequence[str], *, is_open: bool) -> dict[str, str]:
    return {"gate": "\n".join(lines), "gate.opens": str(is_open).lower()}


@final
class _Winner:
    """The run that is registered, and what is known of it."""

    def __init__(self, result: StudyResult, folder: Path) -> None:
        self._result = result
        self._finalist, self._seed = _find(result)
        if self._seed.folder is None:
            raise GateError(f"{result.winner_run}: it has no exported model")
        self.exported = folder / self._seed.folder / "model"
        self.run = FinalistRun(self._finalist.trial, self._seed.seed)

    @property
    def model_name(self) -> str:
        return self._result.study.model_name

    @property
    def floors(self) -> Mapping[str, float]:
        return self._result.study.registry.floors

    def test_means(self) -> dict[str, float]:
        """Return the configuration's means over its seeds, by ``test/metric``."""
        runs = [seed.test_metrics for seed in self._finalist.seeds if seed.test_metrics]
        names = set.intersection(*(set(run) for run in runs)) if runs else set()
        return {f"test/{name}": fmean(run[name] for run in runs) for name in names}

    def tags(self) -> dict[str, str]:
        """Return what the version says of where it comes from."""
        result, finalist = self._result, self._finalist
        return {
            "study.id": study_id(result.name, result.spec_digest, result.started),
            "study.run": str(result.winner_run),
            "study.name": result.name,
            "study.digest": result.spec_digest,
            "study.parent_run": result.parent_run_id or "",
            "dataset.digest": result.dataset_digest,
            "git.commit": result.git_commit or "",
            "loss": finalist.loss,
            "seed": str(self._seed.seed),
            "threshold": str(self._seed.threshold),
            "scorer": str(self._seed.scorer),
            f"val.{result.metric}": _shown(finalist.val),
            f"test.{result.metric}": _shown(finalist.test),
            "weights.sha256": read_manifest(self.exported).weights_sha256,
        }


def _find(result: StudyResult) -> tuple[FinalistResult, SeedResult]:
    if result.winner is None or result.winner_run is None:
        raise GateError(f"{result.name}: there is no winner to register")
    seed = result.winner_run.seed
    return result.winner, next(one for one in result.winner.seeds if one.seed == seed)


def _shown(interval: IntervalValue | None) -> str:
    if interval is None:
        return ""
    return f"{interval.mean:.4f} [{interval.low:.4f}, {interval.high:.4f}]"
