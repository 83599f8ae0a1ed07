"""Studies in virtual time, and recorded trials as their curves."""

import json
from pathlib import Path
from typing import Any

import pytest

from study.errors import StoreError
from study.execution.conductor import Conductor
from study.execution.job import Assignment
from study.execution.recorded import Pool, read_pool
from study.execution.simulate import (
    Curve,
    Point,
    Simulation,
    VirtualClock,
    begin_study,
    places_of,
)
from study.plan import Journal, RungReached, StudyResult, TrialStarted, fold, load

FILE = Path("search_spaces/quickstart.yaml")


def simulated(
    folder: Path, curve: Curve, *sets: str, lanes: int = 1
) -> tuple[StudyResult, Journal]:
    spec, clock = load(FILE, ["budget={trials: 12}", *sets]), VirtualClock(0.0)
    journal = Journal(folder / "journal.jsonl")
    begin_study(journal, spec, clock)
    conductor = Conductor(spec, journal, places_of(folder), lanes=lanes, clock=clock)
    Simulation(conductor, clock, curve).run()
    journal.close()
    return fold(journal.events, running=False), journal


def steady(assignment: Assignment) -> list[Point]:
    return [Point(0.5, 2.0) for _ in assignment.rungs]


def test_a_study_runs_to_its_end_and_time_passes(tmp_path: Path) -> None:
    result, _ = simulated(tmp_path, steady, "finalists={top: 1, seeds: 2}")
    assert len(result.trials) == 12
    # All tie, so none is stopped: 12 runs of 3 rungs of 2 s.
    assert result.seconds.search == 12 * 3 * 2
    assert result.seconds.finalists == sum(len(one.seeds) for one in result.finalists) * 3 * 2
    assert all(seed.val == 0.5 for one in result.finalists for seed in one.seeds)


def test_lanes_work_at_the_same_time(tmp_path: Path) -> None:
    result, journal = simulated(tmp_path, steady, "finalists={top: 1, seeds: 1}", lanes=4)
    assert result.seconds.search == 12 * 3 * 2 / 4
    started = [event.time for event in journal.events if isinstance(event, TrialStarted)]
    assert started[:5] == [0, 0, 0, 0, 6]


def test_the_faster_lane_reports_first(tmp_path: Path) -> None:
    def by_number(assignment: Assignment) -> list[Point]:
        slow = assignment.run == "trial/0"
        return [Point(0.5, 7.0 if slow else 2.0) for _ in assignment.rungs]

    _, journal = simulated(tmp_path, by_number, "budget={trials: 2}", lanes=2)
    heard = [
        (str(event.run), event.epoch, event.time)
        for event in journal.events
        if isinstance(event, RungReached)
    ]
    assert heard[:4] == [
        ("trial/1", 1, 2),
        ("trial/1", 3, 4),
        ("trial/1", 9, 6),
        ("trial/0", 1, 7),
    ]


def test_hours_hold_in_virtual_time(tmp_path: Path) -> None:
    def slow(assignment: Assignment) -> list[Point]:
        return [Point(0.5, 60.0) for _ in assignment.rungs]

    sets = ["budget={trials: 1000, hours: 2}", "finalists={top: 1, seeds: 1}"]
    result, _ = simulated(tmp_path, slow, *sets, lanes=2)
    spent = result.seconds.search + result.seconds.finalists
    assert 6000 < spent <= 7200


def line(loss: str, rate: float, value: float, **params: Any) -> dict[str, Any]:
    return {
        "params": {"loss.name": loss, "optimizer.learning_rate": rate, **params},
        "value": {"1": value / 2, "3": value / 1.5, "9": value},
        "seconds": {"1": 1.0, "3": 2.0, "9": 6.0},
        "more": "is passed over",
    }


def written(folder: Path, *lines: dict[str, Any]) -> Path:
    file = folder / "pool.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    return file


def asked(loss: dict[str, Any], rate: float) -> Assignment:
    return Assignment(
        run="trial/0",
        spec={"loss": loss, "optimizer": {"learning_rate": rate}, "batch_size": 64},
        rungs=(1, 3, 9),
        data="",
        checkpoints="",
        metric="f1_macro",
    )


def test_a_run_reaches_what_the_most_similar_trial_reached(tmp_path: Path) -> None:
    pool = Pool(
        read_pool(
            written(
                tmp_path,
                line("reg", 1e-3, 0.3, **{"loss.regulariser": True}),
                line("reg", 1e-2, 0.6, **{"loss.regulariser": True}),
                line("reg", 1e-2, 0.9, **{"loss.regulariser": False}),
                line("msc", 2e-3, 0.1),
            )
        )
    )
    found = pool(asked({"name": "reg", "regulariser": True}, 2e-3))
    assert [(point.value, point.seconds) for point in found] == [
        (0.15, 1),
        (0.3 / 1.5, 2),
        (0.3, 6),
    ]
    assert pool(asked({"name": "reg", "regulariser": True}, 5e-3))[-1].value == 0.6
    assert pool(asked({"name": "reg", "regulariser": False}, 9e-3))[-1].value == 0.9
    assert pool(asked({"name": "msc"}, 1.0))[-1].value == 0.1


def test_a_pool_drives_a_study(tmp_path: Path) -> None:
    losses = load(FILE).search_space().choices("loss.name")
    values = {str(loss): 0.3 + 0.05 * place for place, loss in enumerate(losses)}
    lines = [line(loss, 1e-2, value) for loss, value in values.items()]
    result, _ = simulated(tmp_path, Pool(read_pool(written(tmp_path, *lines))))
    ended = {trial.loss: trial.value for trial in result.trials if trial.epoch == 9}
    assert ended
    assert ended == {loss: values[loss] for loss in ended}


def test_a_damaged_pool_is_told_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, line("reg", 1e-3, 0.3), {"params": {}})
    with pytest.raises(StoreError) as caught:
        read_pool(file)
    rule = "must be an object with params, value and seconds by epoch"
    assert str(caught.value) == f"{file}:2: {rule}"


def test_a_pool_that_lacks_what_is_asked_says_so(tmp_path: Path) -> None:
    pool = Pool(read_pool(written(tmp_path, line("reg", 1e-3, 0.3))))
    with pytest.raises(StoreError, match="the pool has no trial with loss bce"):
        pool(asked({"name": "bce"}, 1e-3))
    other = Pool(read_pool(written(tmp_path, line("reg", 1e-3, 0.3) | {"value": {"1": 0.1}})))
    with pytest.raises(StoreError, match="the pool has no value of loss reg at epoch 3"):
        other(asked({"name": "reg"}, 1e-3))
