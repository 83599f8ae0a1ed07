"""The plan of a study that was checked, before anything runs."""

from __future__ import annotations

import typer

from study.pipeline.preflight import Checked
from study.plan import StudySpec, digest_of


def print_plan(checked: Checked) -> None:
    """Print trials, rungs, workers, resources, lanes and the arithmetic behind."""
    for line in plan_lines(checked):
        typer.echo(line)


def plan_lines(checked: Checked) -> list[str]:
    """Return the plan, a line each."""
    spec, dataset = checked.spec, checked.dataset
    sizes = ", ".join(f"{len(split.ids)} {name}" for name, split in dataset.splits.items())
    finalists = spec.finalists
    runs = finalists.most * finalists.seeds
    lines = [
        f"study {spec.name} (digest {digest_of(spec)}): in order",
        f"dataset: {spec.dataset.name}, {sizes}, {len(dataset.label_names)} labels "
        f"(digest {dataset.digest})",
        f"space: {', '.join(spec.space)}",
        f"objective: {spec.objective}",
        f"trials: {spec.budget.trials}{_hours(spec)}, "
        f"at least {spec.search.classifier_share:.0%} of them classifiers",
        f"rungs: epochs {', '.join(map(str, spec.rungs))}; stop rule: {spec.stop.rule}",
        f"finalists: best {finalists.top} and the best classifier, {finalists.seeds} seeds each: "
        f"at most {runs} runs of {spec.trial.epochs} epochs",
        f"model: {spec.model_name}",
    ]
    if checked.lanes is not None:
        lines.append(f"lanes: {checked.lanes.lanes} ({checked.lanes.arithmetic})")
        lines += [f"warning: {line}" for line in checked.lanes.warnings]
    lines += [f"disk: {line}" for line in checked.disk]
    return lines + [f"unchecked: {line}" for line in checked.unchecked]


def _hours(spec: StudySpec) -> str:
    return f" or {spec.budget.hours:g} hours" if spec.budget.hours else ""
