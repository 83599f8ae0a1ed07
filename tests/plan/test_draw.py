"""From a point of the space to a trial, and when a parameter is active."""

from typing import Any

import pytest

from study.data import DebtagsSpec
from study.errors import ConfigError
from study.losses import AslSpec, BceSpec, CombinedSpec, LossSpec, MscSpec, RegSpec
from study.plan import StudySpec, TrialSettings, draw
from study.search import Proposer, RandomSpec, Space
from study.spec import parse

MSC = {"name": "combined", "weight": 0.3, "contrastive": {"name": "msc", "beta": 0.7}}


def drawn(values: dict[str, Any], loss: dict[str, Any] | None = None) -> LossSpec:
    settings = parse(TrialSettings, {"loss": loss or {"name": "reg"}})
    return draw(settings, DebtagsSpec(), values).loss


@pytest.mark.parametrize(
    ("loss", "values", "expected"),
    [
        (None, {"loss.name": "combined"}, CombinedSpec()),
        (
            None,
            {"loss.name": "combined", "loss.weight": 0.2, "loss.contrastive.alpha": 1.0},
            CombinedSpec(weight=0.2, contrastive=RegSpec(alpha=1.0)),
        ),
        (
            None,
            {
                "loss.name": "combined",
                "loss.contrastive.beta": 0.5,
                "loss.contrastive.name": "msc",
                "loss.classifier.name": "asl",
                "loss.classifier.margin": 0.2,
            },
            CombinedSpec(contrastive=MscSpec(beta=0.5), classifier=AslSpec(margin=0.2)),
        ),
        # What the settings say of a part stays, unless another part is drawn.
        (MSC, {"loss.name": "combined"}, parse(CombinedSpec, MSC)),
        (
            MSC,
            {"loss.contrastive.temperature": 0.4},
            CombinedSpec(weight=0.3, contrastive=MscSpec(beta=0.7, temperature=0.4)),
        ),
        (
            MSC,
            {"loss.contrastive.name": "msc"},
            CombinedSpec(weight=0.3, contrastive=MscSpec(beta=0.7)),
        ),
        (
            MSC,
            {"loss.contrastive.name": "reg"},
            CombinedSpec(weight=0.3, contrastive=RegSpec(), classifier=BceSpec()),
        ),
        (MSC, {"loss.name": "reg"}, RegSpec()),
    ],
)
def test_a_drawn_plugin_takes_its_own_defaults_and_what_is_drawn(
    loss: dict[str, Any] | None, values: dict[str, Any], expected: LossSpec
) -> None:
    assert drawn(values, loss) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss.name": "combined", "loss.contrastive.beta": 1}, "loss.contrastive.beta: is not"),
        ({"loss.contrastive.name": "msc"}, "loss.contrastive: is not a field here"),
        ({"loss.name": "combined", "loss.weight": 2}, "loss.weight: must be at most 1.0, not 2"),
    ],
)
def test_a_point_that_is_no_trial_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        drawn(values)
    assert message in str(caught.value)


NESTED = {
    "loss.name": ["reg", "bce", "combined"],
    "loss.temperature": {"low": 0.02, "high": 0.5},
    "loss.weight": {"low": 0.0, "high": 1.0},
    "loss.contrastive.name": ["msc", "base"],
    "loss.contrastive.temperature": {"low": 0.02, "high": 0.5},
    "loss.contrastive.beta": {"low": 0.0, "high": 1.0},
    "loss.classifier.name": ["bce", "asl"],
    "loss.classifier.gamma_negative": [1.0, 4.0],
}


def study_of(space: dict[str, Any], **trial: Any) -> StudySpec:
    data = {"name": "s", "dataset": {"name": "debtags"}, "space": space, "trial": trial}
    return parse(StudySpec, data)


def active(space: Space, values: dict[str, Any]) -> set[str]:
    return {parameter.path for parameter in space.active(values)}


def test_a_field_of_a_part_is_active_where_both_plugins_have_it() -> None:
    space = study_of(NESTED).search_space()
    assert active(space, {"loss.name": "bce"}) == {"loss.name"}
    assert active(space, {"loss.name": "reg"}) == {"loss.name", "loss.temperature"}
    parts = {"loss.name": "combined", "loss.classifier.name": "bce"}
    everywhere = {"loss.name", "loss.weight", "loss.contrastive.name", "loss.classifier.name"}
    of_both = everywhere | {"loss.contrastive.temperature"}
    assert active(space, {**parts, "loss.contrastive.name": "base"}) == of_both
    with_beta = of_both | {"loss.contrastive.beta"}
    assert active(space, {**parts, "loss.contrastive.name": "msc"}) == with_beta
    parts["loss.classifier.name"] = "asl"
    with_gamma = with_beta | {"loss.classifier.gamma_negative"}
    assert active(space, {**parts, "loss.contrastive.name": "msc"}) == with_gamma


def test_a_part_that_is_not_searched_is_what_the_settings_or_its_holder_say() -> None:
    weight = {"low": 0.0, "high": 1.0}
    of_settings = study_of({"loss.contrastive.beta": weight}, loss=MSC).search_space()
    assert [parameter.when for parameter in of_settings.parameters] == [{}]
    of_default = study_of(
        {"loss.name": ["bce", "combined"], "loss.contrastive.alpha": weight}
    ).search_space()
    assert of_default.parameters[1].when == {"loss.name": ("combined",)}


def test_every_point_of_a_nested_space_is_the_trial_it_says() -> None:
    study = study_of(NESTED)
    proposer = Proposer(study.search_space(), "maximize", sampler=RandomSpec(), seed=1)
    seen = set()
    for _ in range(60):
        values = proposer.ask().params
        loss = draw(study.trial, study.dataset, values).loss.model_dump()
        seen.add((loss["name"], loss.get("contrastive", {}).get("name")))
        for path, value in values.items():
            found: Any = {"loss": loss}
            for step in path.split("."):
                found = found[step]
            assert found == value
    assert seen == {("reg", None), ("bce", None), ("combined", "msc"), ("combined", "base")}
