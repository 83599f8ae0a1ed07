"""Which configurations go on."""

from study.execution.choose import choose_finalists
from study.plan import TrialResult
from study.plan.events import Family
from study.spec import Direction, TrialState

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def trial(
    number: int,
    value: float | None,
    family: Family = "contrastive",
    state: TrialState = COMPLETE,
    epoch: int = 9,
    digest: str = "",
) -> TrialResult:
    return TrialResult(
        number=number,
        state=state,
        params={},
        value=value,
        epoch=epoch,
        seconds=1.0,
        run_id=None,
        loss="l",
        family=family,
        digest=digest or str(number),
        reason="",
        rungs=(),
        settings={},
    )


def chosen(*trials: TrialResult, top: int = 2, minimise: bool = False) -> list[tuple[int, bool]]:
    direction: Direction = "minimize" if minimise else "maximize"
    found = choose_finalists(trials, top=top, direction=direction)
    assert [one.place for one in found] == list(range(len(found)))
    return [(one.trial, one.is_baseline) for one in found]


def test_the_best_and_the_best_classifier_on_top() -> None:
    trials = [trial(0, 0.1, "classifier"), trial(1, 0.5), trial(2, 0.4), trial(3, 0.3)]
    assert chosen(*trials) == [(1, False), (2, False), (0, True)]


def test_a_classifier_among_the_best_is_not_chosen_twice() -> None:
    trials = [
        trial(0, 0.6, "classifier"),
        trial(1, 0.5),
        trial(2, 0.4),
        trial(3, 0.5, "classifier"),
    ]
    assert chosen(*trials) == [(0, True), (1, False)]


def test_without_classifiers_there_is_no_baseline() -> None:
    assert chosen(trial(0, 0.1), trial(1, 0.2)) == [(1, False), (0, False)]


def test_a_loss_is_minimised() -> None:
    assert chosen(trial(0, 0.1), trial(1, 0.2), top=1, minimise=True) == [(0, False)]


def test_pruned_trials_step_in_where_complete_ones_are_missing_the_furthest_first() -> None:
    trials = [
        trial(0, 0.9, state=PRUNED, epoch=1),
        trial(1, 0.2, state=PRUNED, epoch=3),
        trial(2, 0.1),
        trial(3, None, state=FAIL),
    ]
    assert chosen(*trials, top=3) == [(2, False), (1, False), (0, False)]


def test_a_configuration_that_was_drawn_twice_counts_once_with_its_better_trial() -> None:
    trials = [trial(0, 0.4, digest="a"), trial(1, 0.5, digest="a"), trial(2, 0.3)]
    assert chosen(*trials) == [(1, False), (2, False)]


def test_failed_trials_never_go_on() -> None:
    assert chosen(trial(0, None, state=FAIL), trial(1, None, "classifier", state=FAIL)) == []
