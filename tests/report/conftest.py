"""Studies that never ran: the events they would have left, folded as real ones are."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, final

import pytest

from study.plan.events import (
    AnyEvent,
    Configuration,
    Family,
    FinalistEnded,
    FinalistsChosen,
    FinalistsRanked,
    IntervalValue,
    LanesPlanned,
    ModelRegistered,
    Ranking,
    RungReached,
    RunOpened,
    SessionStarted,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialStarted,
    Value,
)
from study.plan.fold import fold
from study.plan.result import StudyResult
from study.plan.runs import FinalistRun, TrialRun
from study.spec import TrialState

CLASSIFIERS = {"bce", "asl", "zlpr"}
SPEC: dict[str, Any] = {
    "name": "quickstart",
    "dataset": {"name": "debtags", "label_set": "all"},
    "trial": {
        "encoder": {"name": "bow", "dim": 256},
        "loss": {"name": "reg", "temperature": 0.1},
        "batch_size": 256,
        "epochs": 9,
        "optimizer": {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.01},
        "seed": 0,
    },
    "space": {
        "loss.name": ["bce", "asl", "zlpr", "base", "proto", "msc", "mulsupcon", "reg"],
        "optimizer.learning_rate": {"low": 5e-3, "high": 5e-2, "log": True},
        "loss.temperature": {"low": 0.02, "high": 0.5, "log": True},
        "batch_size": [64, 128, 256, 512],
    },
    "objective": "val/f1_macro",
    "search": {"sampler": "tpe", "seed": 7, "classifier_share": 0.34},
    "budget": {"trials": 24, "hours": 1},
    "resources": {"workers": 2, "cpus_per_worker": 1, "gpus_per_worker": 0},
    "finalists": {"top": 3, "seeds": 3},
}


def fixed_temperature() -> dict[str, Any]:
    """Return what makes a study that gives every loss one temperature and does not search it."""
    space = {"loss.name": ["reg", "msc"], "batch_size": [64, 128]}
    return {
        "trial": SPEC["trial"] | {"loss": {"name": "reg", "temperature": 0.05}},
        "space": space,
    }


@final
class Story:
    """Writes down what happens, a second or so after another."""

    def __init__(self, spec: dict[str, Any] | None = None, **changed: Any) -> None:
        self.spec = {**SPEC, **(spec or {}), **changed}
        self.time = 1_767_258_000.0
        self.objective = str(self.spec["objective"])
        self.events: list[AnyEvent] = [
            StudyStarted(
                time=self.time,
                name=self.spec["name"],
                spec=self.spec,
                spec_digest="738a088b41c2",
                dataset_digest="90ab12cd34ef",
                label_names=("gui", "network", "<script>alert(1)</script>"),
                sizes={"train": 12345, "val": 2000, "test": 2100},
                git_commit="490e593",
                package_version="0.1.0",
            )
        ]

    def tell(self, kind: Any, *, after: float = 1.0, **fields: Any) -> None:
        self.time += after
        self.events.append(kind(time=self.time, **fields))

    def session(self) -> None:
        line = "2 lanes of 2 workers: 4 of 4 CPUs"
        uri = "sqlite:///studies/mlflow.db"
        self.tell(SessionStarted, tracking_uri=uri)
        self.tell(LanesPlanned, lanes=2, workers=2, arithmetic=line)

    def trial(
        self,
        number: int,
        loss: str = "reg",
        curve: Sequence[tuple[int, float]] = ((1, 0.3), (3, 0.4), (9, 0.44)),
        state: TrialState = TrialState.COMPLETE,
        reason: str = "",
        **params: Value,
    ) -> None:
        """Tell of a trial; ``loss__temperature`` is the parameter ``loss.temperature``."""
        drawn = {name.replace("__", "."): value for name, value in params.items()}
        self.tell(
            TrialStarted,
            number=number,
            params={"loss.name": loss} | drawn,
            digest=f"{number:012x}",
            loss=loss,
            family=family(loss),
        )
        run, last = TrialRun(number), 0
        self.tell(RunOpened, run=run, run_id=f"{number:032x}")
        for epoch, value in curve:
            seconds = 2.0 * (epoch - last)
            metrics = {self.objective: value, "train/loss": 1 / epoch}
            self.tell(
                RungReached, after=seconds, run=run, epoch=epoch, metrics=metrics, seconds=seconds
            )
            last = epoch
        if state.ended:
            self.tell(TrialEnded, number=number, state=state, reason=reason)

    def choose(self, *trials: int, baseline: int | None = None, seeds: int = 3) -> None:
        """Tell that these trials are finalists."""
        started = {one.number: one for one in self.events if isinstance(one, TrialStarted)}
        chosen = tuple(
            Configuration(
                place=place,
                trial=number,
                params=started[number].params,
                loss=started[number].loss,
                family=started[number].family,
                is_baseline=number == baseline,
            )
            for place, number in enumerate(trials)
        )
        self._trials = trials
        self.tell(FinalistsChosen, configurations=chosen, seeds=tuple(range(seeds)))

    def finish(self, place: int, seed: int, val: float, test: float) -> None:
        """Tell that one finalist run ended."""
        run, metric = FinalistRun(self._trials[place], seed), self.objective.partition("/")[2]
        self.tell(RunOpened, run=run, run_id=f"f{place}{seed}")
        self.tell(
            FinalistEnded,
            after=20,
            run=run,
            state=TrialState.COMPLETE,
            val={metric: val, "map_macro": val + 0.05},
            test={metric: test, "map_macro": test + 0.05},
            scorer="probe",
            threshold=0.21,
            folder=f"finalists/{place}-{seed}",
            seconds=19.0,
        )

    def rank(self, *means: tuple[float, float], spread: float = 0.005) -> None:
        """Tell the ranking: val and test of each place, every seed around them."""
        seeds = next(one for one in self.events if isinstance(one, FinalistsChosen)).seeds
        for place, (val, test) in enumerate(means):
            for seed in seeds:
                step = spread * (seed - (len(seeds) - 1) / 2) / 2
                self.finish(place, seed, val + step, test + step)
        up = not self.objective.endswith("loss")
        order = sorted(range(len(means)), key=lambda place: means[place][0], reverse=up)
        rankings = tuple(
            Ranking(
                trial=self._trials[place],
                rank=rank,
                val=around(val, spread),
                test=around(test, spread),
            )
            for rank, place in enumerate(order, start=1)
            for val, test in [means[place]]
        )
        winner = FinalistRun(self._trials[order[0]], seeds[len(seeds) // 2])
        self.tell(FinalistsRanked, rankings=rankings, winner=winner)

    def register(self, *aliases: str, gate: tuple[str, ...] = ()) -> None:
        uri = "models:/debtags/3"
        self.tell(
            ModelRegistered, name="debtags", version="3", aliases=aliases, uri=uri, gate=gate
        )

    def end(self, state: str = "FINISHED", reason: str = "") -> None:
        self.tell(StudyEnded, state=state, reason=reason)

    def result(self, *, running: bool = False) -> StudyResult:
        return fold(self.events, running=running)


def family(loss: str) -> Family:
    return "classifier" if loss in CLASSIFIERS else "contrastive"


def around(mean: float, spread: float) -> IntervalValue:
    return IntervalValue(mean=mean, low=mean - spread, high=mean + 1.2 * spread)


def decided(
    *means: tuple[float, float], third: str = "asl", spread: float = 0.005, seeds: int = 3
) -> Story:
    """Return a study of three trials (reg, msc and a third) whose finalists are ranked."""
    story = Story()
    story.session()
    story.trial(0, "reg", loss__temperature=0.0712, batch_size=256, optimizer__learning_rate=0.012)
    story.trial(1, "msc", loss__temperature=0.1, batch_size=64, optimizer__learning_rate=0.01)
    story.trial(2, third, batch_size=128, optimizer__learning_rate=0.02)
    story.choose(0, 1, 2, baseline=2 if third in CLASSIFIERS else None, seeds=seeds)
    story.rank(*means, spread=spread)
    return story


HEIGHTS = {
    "bce": 0.405,
    "asl": 0.428,
    "zlpr": 0.418,
    "base": 0.424,
    "proto": 0.43,
    "msc": 0.437,
    "mulsupcon": 0.441,
    "reg": 0.45,
}
LATER = "asl reg bce mulsupcon reg zlpr msc reg asl mulsupcon reg asl msc reg bce reg"


def quickstart(seed: int = 1) -> Story:
    """Return a study of 24 trials as the search of a small study would leave it."""
    rng, story = random.Random(seed), Story()
    story.session()
    reached: dict[int, tuple[float, str]] = {}
    for number, loss in enumerate([*HEIGHTS, *LATER.split()]):
        drawn = drawn_by(rng, loss)
        temperature = float(drawn.get("loss__temperature", 0.08))
        top = HEIGHTS[loss] - 0.06 * abs(math.log10(temperature / 0.08)) - 0.02 * rng.random()
        curve = [(epoch, top * (1 - 0.5 * 0.6**epoch)) for epoch in (1, 3, 9)]
        if number == 11:
            reason = "the loss became NaN in epoch 2 (step 41)"
            story.trial(number, loss, curve[:1], TrialState.FAIL, reason, **drawn)
            continue
        rungs = 1 if curve[0][1] < 0.276 else 2 if curve[1][1] < 0.368 else 3
        if rungs == 3:
            reached[number] = curve[-1][1], loss
            story.trial(number, loss, curve, **drawn)
        else:
            reason = f"at epoch {curve[rungs - 1][0]} not among the best third"
            story.trial(number, loss, curve[:rungs], TrialState.PRUNED, reason, **drawn)
    ranking = sorted(reached, key=lambda number: reached[number][0], reverse=True)
    top_3 = [number for number in ranking if reached[number][1] not in CLASSIFIERS][:3]
    baseline = next(number for number in ranking if reached[number][1] in CLASSIFIERS)
    story.choose(*top_3, baseline, baseline=baseline)
    means = ((0.4512, 0.4471), (0.4466, 0.4432), (0.4437, 0.4405), (0.4267, 0.4212))
    story.rank(*means, spread=0.0068)
    story.register("challenger", gate=GATE)
    return story


def searched(trials: int, seed: int = 1) -> Story:
    """Return a study of many trials, some of them failed, whose finalists are ranked."""
    rng, story = random.Random(seed), Story(budget={"trials": trials})
    story.session()
    reached: dict[int, float] = {}
    for number in range(trials):
        loss = rng.choice(list(HEIGHTS))
        drawn = drawn_by(rng, loss)
        temperature = float(drawn.get("loss__temperature", 0.08))
        top = HEIGHTS[loss] - 0.06 * abs(math.log10(temperature / 0.08)) - 0.02 * rng.random()
        curve = [(epoch, top * (1 - 0.5 * 0.6**epoch)) for epoch in (1, 3, 9)]
        rungs = 1 if curve[0][1] < 0.276 else 2 if curve[1][1] < 0.368 else 3
        state = TrialState.COMPLETE if rungs == 3 else TrialState.PRUNED
        if rng.random() < 0.02:
            reason = f"the loss became NaN in epoch 2 (step {number})"
            story.trial(number, loss, curve[:1], TrialState.FAIL, reason, **drawn)
        else:
            story.trial(number, loss, curve[:rungs], state, **drawn)
            reached |= {number: curve[-1][1]} if rungs == 3 else {}
    story.choose(*sorted(reached, key=lambda number: -reached[number])[:3])
    story.rank((0.4512, 0.4471), (0.4466, 0.4432), (0.4437, 0.4405))
    return story


GATE = (
    "test/f1_macro is 0.4471, must be at least 0.3: holds",
    "version 2 is champion, replacing it takes a comparison: fails",
)


def drawn_by(rng: random.Random, loss: str) -> dict[str, Any]:
    drawn: dict[str, Any] = {
        "batch_size": rng.choice([64, 128, 256, 512]),
        "optimizer__learning_rate": 0.005 * 10 ** rng.random(),
    }
    if loss not in CLASSIFIERS:
        drawn["loss__temperature"] = 0.02 * 25 ** rng.random()
    if loss == "reg":
        drawn |= {"loss__alpha": 2 * rng.random(), "loss__regulariser": rng.random() < 0.5}
    return drawn


@pytest.fixture
def new_story() -> type[Story]:
    return Story


@pytest.fixture
def decide() -> Callable[..., Story]:
    return decided


@pytest.fixture(scope="session")
def quick() -> StudyResult:
    return quickstart().result()
