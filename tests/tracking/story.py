"""One study from its first event to its last: every way in which a run can end."""

from __future__ import annotations

from typing import Any

from study.plan import (
    AnyEvent,
    Configuration,
    FinalistEnded,
    FinalistRun,
    FinalistsChosen,
    FinalistsRanked,
    IntervalValue,
    LanesPlanned,
    ModelRegistered,
    Ranking,
    ReportWritten,
    RungReached,
    SessionStarted,
    StudyEnded,
    StudySpec,
    StudyStarted,
    TrainedRun,
    TrialEnded,
    TrialRun,
    TrialStarted,
)
from study.spec import TrialState, parse

BEGAN = 1_700_000_000.0


def _search() -> list[AnyEvent]:
    spec = parse(
        StudySpec,
        {
            "name": "quick",
            "dataset": {"name": "debtags"},
            "trial": {"loss": {"name": "reg"}},
            "space": {
                "loss.name": ["reg", "bce"],
                "loss.temperature": {"low": 0.02, "high": 0.5, "log": True},
                "batch_size": [64, 128],
            },
            "registry": {"model": "tags"},
        },
    )
    return [
        StudyStarted(
            time=BEGAN,
            name="quick",
            spec=spec.model_dump(mode="json"),
            spec_digest="5bec0ffee",
            dataset_digest="da7a",
            label_names=("red", "blue"),
            sizes={"train": 80, "val": 10, "test": 10},
            git_commit="c0de",
            package_version="0.1.0",
        ),
        SessionStarted(time=BEGAN + 1, tracking_uri="sqlite:///somewhere"),
        LanesPlanned(time=BEGAN + 2, lanes=2, workers=1, arithmetic="2 cores: 2 at a time"),
        _begins(0, {"loss.name": "reg", "loss.temperature": 0.1, "batch_size": 64}),
        _rung(TrialRun(0), 1, 0.2),
        _begins(1, {"loss.name": "bce", "batch_size": 128}),
        _rung(TrialRun(1), 1, 0.1),
        _ends(1, TrialState.PRUNED, "others were better at epoch 1"),
        _rung(TrialRun(0), 3, 0.3),
        _begins(2, {"loss.name": "reg", "loss.temperature": 0.02, "batch_size": 64}),
        _rung(TrialRun(2), 1, 0.05),
        _ends(2, TrialState.FAIL, "the loss became NaN"),
        _begins(3, {"loss.name": "reg", "batch_size": -1}, digest=""),
        _ends(3, TrialState.INFEASIBLE, "batch_size: must be at least 2, not -1"),
        _ends(0, TrialState.COMPLETE),
    ]


def _begins(number: int, params: dict[str, Any], digest: str = "738a088b1234") -> AnyEvent:
    is_contrastive = params["loss.name"] == "reg"
    return TrialStarted(
        time=BEGAN + 10 * number + 10,
        number=number,
        params=params,
        digest=digest,
        loss=params["loss.name"],
        family="contrastive" if is_contrastive else "classifier",
    )


def _rung(run: TrainedRun, epoch: int, value: float) -> AnyEvent:
    metrics = {"val/f1_macro": value, "train/loss": 1.5}
    return RungReached(
        time=BEGAN + 100 + epoch, run=run, epoch=epoch, metrics=metrics, seconds=1.0
    )


def _ends(number: int, state: TrialState, reason: str = "") -> AnyEvent:
    return TrialEnded(time=BEGAN + 200 + number, number=number, state=state, reason=reason)


def _finalists() -> list[AnyEvent]:
    reg = Configuration(
        place=0,
        trial=0,
        params={"loss.name": "reg", "loss.temperature": 0.1, "batch_size": 64},
        loss="reg",
        family="contrastive",
        is_baseline=False,
    )
    bce = Configuration(
        place=1,
        trial=1,
        params={"loss.name": "bce", "batch_size": 128},
        loss="bce",
        family="classifier",
        is_baseline=True,
    )
    events: list[AnyEvent] = [
        FinalistsChosen(time=BEGAN + 300, configurations=(reg, bce), seeds=(0, 1))
    ]
    for trial, seed, score in ((0, 0, 0.4), (1, 0, 0.35), (0, 1, 0.44)):
        run = FinalistRun(trial, seed)
        events += [_rung(run, 1, 0.2), _rung(run, 9, 0.3), _scored(run, score)]
    failed = FinalistEnded(
        time=BEGAN + 410, run=FinalistRun(1, 1), state=TrialState.FAIL, reason="out of disk"
    )
    val, test = _interval(0.45), _interval(0.42)
    rankings = (
        Ranking(trial=0, rank=1, val=val, test=test),
        Ranking(trial=1, rank=2, val=val, test=test),
    )
    ranked = FinalistsRanked(time=BEGAN + 420, rankings=rankings, winner=FinalistRun(0, 1))
    return [*events, failed, ranked]


def _interval(mean: float) -> IntervalValue:
    return IntervalValue(mean=mean, low=mean - 0.01, high=mean + 0.01)


def _scored(run: FinalistRun, test: float) -> AnyEvent:
    return FinalistEnded(
        time=BEGAN + 400,
        run=run,
        state=TrialState.COMPLETE,
        val={"f1_macro": 0.45, "f1_micro": 0.5},
        test={"f1_macro": test, "f1_micro": 0.48},
        scorer="probe",
        threshold=0.25,
        folder=f"finalists/{run.folder}",
        seconds=2.0,
    )


def _end() -> list[AnyEvent]:
    return [
        ModelRegistered(
            time=BEGAN + 430,
            name="tags",
            version="1",
            aliases=("challenger",),
            uri="models:/tags/1",
            gate=("there is no champion yet: holds",),
        ),
        ReportWritten(time=BEGAN + 440, path="report/report.html"),
        StudyEnded(time=BEGAN + 450, state="FINISHED"),
    ]


def whole_story() -> list[AnyEvent]:
    return [*_search(), *_finalists(), *_end()]
