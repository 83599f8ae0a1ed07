"""The report's words: pure functions from a study's result to plain text."""

from __future__ import annotations

from study.plan.events import IntervalValue
from study.plan.in_force import FIRST, in_force
from study.plan.result import FinalistResult, StudyResult, TrialResult
from study.report.facts import best, gain, labels
from study.report.formats import count, interval, listed, places, score, setting

HOLLOW = (
    "A pruned trial, hollow, stands at its last value. Values at different epochs are not "
    "comparable: do not read a hollow mark against a full one."
)
"""Said wherever values of different epochs are drawn together."""


def answer(result: StudyResult) -> tuple[str, ...]:
    """Return the study's answer in a sentence, and the sentences that belong to it."""
    winner = result.winner
    if winner is None or winner.test is None:
        return (_standing(result), *_interrupted(result), *_so_far(result))
    reached = f"{_test(result)} {_with_interval(result, winner, winner.test)}"
    if winner.is_baseline:
        lead = f"The classifier baseline {winner.loss} won{_settings(winner)}: {reached}."
        return (lead, _runner_up(result), *_afterwards(result))
    lead = f"{winner.loss} won{_settings(winner)}: {reached}."
    return (lead, _against_baseline(result, winner, winner.test), *_afterwards(result))


def _settings(one: FinalistResult | TrialResult) -> str:
    names = labels(FIRST)
    values = {path: in_force(one, path) for path in FIRST}
    parts = [
        f"{names[path]} {setting(value)}" for path, value in values.items() if value is not None
    ]
    return f" with {listed(parts)}" if parts else ""


def _test(result: StudyResult) -> str:
    return f"test/{result.metric}"


def _with_interval(result: StudyResult, one: FinalistResult, test: IntervalValue) -> str:
    digits = places(result)
    over = f"95 % interval {interval(test, digits)}, {count(_scored(one), 'seed')}"
    return f"{score(test.mean, digits)} ({over})"


def _scored(one: FinalistResult) -> int:
    return sum(seed.test is not None for seed in one.seeds)


def _against_baseline(result: StudyResult, winner: FinalistResult, test: IntervalValue) -> str:
    baseline = result.baseline
    if baseline is None:
        return "No classifier is among the ranked finalists: there is no baseline to compare with."
    if baseline.test is None:
        return f"The classifier baseline {baseline.loss} has no score on test."
    other = f"the classifier baseline {baseline.loss}"
    other += f", {_with_interval(result, baseline, baseline.test)}"
    difference = gain(result, test.mean, baseline.test.mean)
    step = f"That is {_apart(result, difference)} {other}; "
    aside = " The winner is chosen on val, not on test." if difference < 0 else ""
    return step + _noise(winner, baseline) + aside


def _apart(result: StudyResult, difference: float) -> str:
    size = score(abs(difference), places(result))
    if not float(size):
        return "level with"
    return f"{size} {'better' if difference > 0 else 'worse'} than"


def _noise(one: FinalistResult, other: FinalistResult) -> str:
    if one.test is None or other.test is None:
        return "one of them has no score on test."
    apart = one.test.low > other.test.high or one.test.high < other.test.low
    if min(_scored(one), _scored(other)) < 2:
        said = "do not overlap" if apart else "overlap"
        return f"the intervals {said}, but one seed says nothing of the noise between seeds."
    if apart:
        return "the intervals do not overlap, so the difference is beyond the noise."
    return "the intervals overlap, so the difference may be noise."


def _runner_up(result: StudyResult) -> str:
    found = [one for one in result.finalists if one.family == "contrastive" and one.test]
    winner = result.winner
    if not found or winner is None or winner.test is None:
        return "No contrastive loss is among the finalists."
    second = min(found, key=lambda one: one.rank or len(found) + 1)
    if second.test is None:
        return "No contrastive loss is among the finalists."
    reached = _with_interval(result, second, second.test)
    difference = gain(result, second.test.mean, winner.test.mean)
    step = f"The best contrastive loss, {second.loss}{_settings(second)}, reached {reached}. "
    aside = " The winner is chosen on val, not on test." if difference > 0 else ""
    step += f"That is {_apart(result, difference)} the baseline; "
    return step + _noise(second, winner) + aside


def _afterwards(result: StudyResult) -> tuple[str, ...]:
    """Return why a study with a winner is not finished; the report is written before the end."""
    after = "after its finalists were ranked"
    if result.state == "FAILED":
        return (_because(f"The study failed {after}", result),)
    if result.state == "INTERRUPTED" and result.reason:
        return (_because(f"The study was interrupted {after} and can be resumed", result),)
    return ()


def _because(said: str, result: StudyResult) -> str:
    reason = "; ".join(result.reason.strip().splitlines()).rstrip(".")
    return f"{said}: {reason}." if reason else f"{said}."


def _standing(result: StudyResult) -> str:
    match result.state:
        case "RUNNING":
            return f"There is no winner yet, the study is running: {_how_far(result)}."
        case "INTERRUPTED":
            return f"There is no winner yet, the study was interrupted: {_how_far(result)}."
        case "FAILED":
            return _because("There is no winner, the study failed", result)
        case "FINISHED":
            return _because("The study finished without a winner", result)


def _interrupted(result: StudyResult) -> tuple[str, ...]:
    if result.state != "INTERRUPTED" or not result.reason:
        return ()
    return (_because("It can be resumed; it was interrupted because of this", result),)


def _how_far(result: StudyResult) -> str:
    ended = sum(trial.state.ended for trial in result.trials)
    if result.finalists:
        return f"the search is over after {count(ended, 'trial')}"
    asked = result.study.budget.trials
    return f"{ended} of {count(asked, 'trial')} {'has' if asked == 1 else 'have'} ended"


def _so_far(result: StudyResult) -> tuple[str, ...]:
    leader = best(result, result.trials)
    if leader is None:
        return ("No trial has a value.",)
    reached = f"{result.objective} {score(leader.value, places(result))}"
    said = f"Best so far: trial {leader.number}, {leader.loss}{_settings(leader)}, "
    said += f"{reached} at epoch {leader.epoch}."
    return (said, *_finalists_so_far(result))


def _finalists_so_far(result: StudyResult) -> tuple[str, ...]:
    runs = [seed for one in result.finalists for seed in one.seeds]
    if not runs:
        return ()
    ended = sum(seed.state.ended for seed in runs)
    said = f"{ended} of {count(len(runs), 'finalist run')} have ended"
    return (f"{said}; test is shown once they are ranked on val.",)


def better(direction_is_up: bool) -> str:
    """Return which way is better, for the figures' notes."""
    return "higher is better" if direction_is_up else "lower is better"


def model(result: StudyResult) -> tuple[str, str]:
    """Return which model was registered, and how it stands."""
    found = result.model
    if found is None:
        return ("none", "nothing is registered" if result.winner else "no winner to register")
    aliases = f"alias {listed(found.aliases)}" if found.aliases else "no alias"
    return (f"{found.name} version {found.version}", aliases)


def gate(result: StudyResult) -> str:
    """Return the heading over the gate's lines."""
    if result.model and "champion" in result.model.aliases:
        return "Why it is champion"
    return "Why it is not champion"
