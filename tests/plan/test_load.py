"""Study files, overrides, and everything that can be wrong in them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from study.errors import ConfigError
from study.losses import LOSSES, MscSpec
from study.plan import StudySpec, digest_of, draw, load

FILES = sorted(Path("search_spaces").glob("*.yaml"))
QUICKSTART = Path("search_spaces/quickstart.yaml")


def told(*overrides: str, file: Path = QUICKSTART, name: str | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, overrides, name)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_of_the_repository_loads_and_fits_its_schema(file: Path) -> None:
    spec = load(file)
    assert spec.name == file.stem
    data = json.loads(spec.model_dump_json())
    jsonschema.validate(data, StudySpec.model_json_schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_two_hundred_draws_of_every_space_are_valid_trials(file: Path) -> None:
    from study.search import Proposer

    spec = load(file)
    proposer = Proposer(spec.search_space(), "maximize", sampler="random", seed=1)
    for _ in range(200):
        _, params = proposer.ask()
        trial = draw(spec.trial, spec.dataset, params)
        for path, value in params.items():
            found: Any = trial.model_dump()
            for step in path.split("."):
                found = found[step]
            assert found == value


def test_1e_4_is_a_number_and_a_date_is_text(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: s\ndataset: {name: debtags}\nspace: {batch_size: [8]}\n"
        "trial: {optimizer: {learning_rate: 1e-4}}\nregistry: {model: 2024-01-01}\n",
        "utf-8",
    )
    spec = load(file)
    assert spec.trial.optimizer.learning_rate == 1e-4
    assert spec.registry.model == "2024-01-01"


@pytest.mark.parametrize("text", ["010", "1:30", "1_0", "0x10", "yes", "2024-01-01"])
def test_what_yaml_would_read_into_a_text_stays_text(text: str) -> None:
    assert told(f"budget.trials={text}") == [
        f"budget.trials: must be a whole number, not {text!r}"
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("name: [", "is not YAML"),
        ("a: 1\na: 2", "is not YAML: a is given twice (line 2, column 1)"),
        ("- a\n- b", "must hold a mapping of fields"),
        ("", "must hold a mapping of fields"),
        ("a: !!python/object:os.system {}", "is not YAML"),
        ("a: &x [*x]", "is not YAML: aliases are not taken (line 1, column 8)"),
        (f"a: {'9' * 5000}", "is not YAML"),
    ],
)
def test_a_file_that_is_no_study_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text, "utf-8")
    assert told(file=file)[0].startswith(f"{file}: {rule}")


def test_a_missing_file_names_those_nearby(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("", "utf-8")
    assert told(file=tmp_path / "s.yaml") == [
        f"{tmp_path / 's.yaml'}: does not exist; there are other.yaml"
    ]


def test_overrides_reach_dotted_keys_of_the_space() -> None:
    spec = load(QUICKSTART, ["space.loss.temperature=[0.1, 0.2]", "space.loss.alpha=null"])
    assert spec.space["loss.temperature"] == (0.1, 0.2)
    assert "loss.alpha" not in spec.space


def test_overrides_reach_floors() -> None:
    spec = load(QUICKSTART, ["registry.floors.test/f1_macro=0.5"])
    assert spec.registry.floors == {"test/f1_macro": 0.5}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.trials", "--set: must be path=value, not 'budget.trials'"),
        ("name.x=1", "--set name.x: name is a value, it has no fields"),
    ],
)
def test_a_bad_override_is_told(override: str, message: str) -> None:
    assert told(override) == [message]


def test_mistakes_between_fields_are_told_beside_mistakes_of_fields() -> None:
    assert told(
        "space.loss.temprature=[0.1]",
        "space.loss.temperature={low: 0.5, high: 0.1}",
        "space.batch_size=[1, 64]",
        "trial.loss.name=fooo",
        "objective=val/f1_macr",
        "budget.trials=many",
    ) == [
        f"trial.loss.name: must be one of {', '.join(LOSSES)}, not 'fooo'",
        "space.loss.temperature.low: must be below high, not 0.5 >= 0.1",
        "budget.trials: must be a whole number, not 'many'",
        "space.loss.temprature: is not a field of a trial that can be searched; "
        "did you mean 'loss.temperature'?",
        "space.batch_size: must be at least 2, not 1",
        "objective: must be one of val/f1_macro, val/f1_micro, val/map_macro, "
        "val/hamming_loss, val/precision_at_1, val/precision_at_3, val/precision_at_5, "
        "val/f1_macro_at_half, not 'val/f1_macr'; did you mean 'val/f1_macro'?",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "space.loss.temperature={low: 0, high: 0.1, log: true}",
            "space.loss.temperature.",
        ),
        ("space.loss.name=[bce, foo]", f"must be one of {', '.join(LOSSES)}, not 'foo'"),
        ("dataset.name=voc", "dataset.name: must be debtags, not 'voc'"),
        ("trial.encoder.name=bert", "trial.encoder.name: must be bow, not 'bert'"),
        ("space.epochs=[1, 2]", "space.epochs: is the length of every trial"),
        ("space.loss.alpha={low: -1, high: 2}", "space.loss.alpha.low: must be at least 0"),
        ("space.loss.gama=[1]", "space.loss.gama: is not a field of a trial"),
        (
            "space.loss.alpha={low: 0, high: 2, when: {loss.name: bce}}",
            "space.loss.alpha.when.loss.name: must be one of reg, which have this field, "
            "not 'bce'",
        ),
        (
            "space.batch_size={choices: [8], when: {loss.name: nope}}",
            "space.batch_size.when.loss.name: must be one of bce, asl",
        ),
        (
            "space.batch_size={choices: [8], when: {loss.nam: bce}}",
            "space.batch_size.when.loss.nam: is not a parameter of the space",
        ),
        ("space.loss.alpha={lo: 0, high: 1}", "space.loss.alpha.lo: is not a field here; did"),
        ("stop.rule=ashaa", "stop.rule: must be one of asha, never, not 'ashaa'"),
        ("stop.rungs=[3, 1]", "stop.rungs: must rise, not 3, 1"),
        ("search.sampler=tpee", "search.sampler: must be one of random, tpe, not 'tpee'"),
        ("name=../x", "name: must match"),
        ("name=cache", "name: must not be cache"),
        ("registry.floors.test/f1=0.3", "registry.floors.test/f1: must be one of test/f1_macro"),
        ("objective=test/f1_macro", "objective: "),
        ("resources.lanes=0", "resources.lanes: must be auto or at least 1, not 0"),
    ],
)
def test_one_mistake_gives_its_path_and_rule(override: str, message: str) -> None:
    assert any(message in line for line in told(override)), told(override)


def test_a_field_that_no_chosen_loss_has_is_told() -> None:
    def having(field: str) -> str:
        return ", ".join(name for name, spec in LOSSES.items() if field in spec.model_fields)

    assert told("space.loss.name=[bce, zlpr]") == [
        f"space.loss.{field}: is a field of {having(field)}, not of bce, zlpr"
        for field in ("temperature", "alpha", "regulariser")
    ]


def test_the_digest_is_of_the_content_and_the_same_in_another_process() -> None:
    code = (
        "from pathlib import Path; from study.plan import *; "
        f"print(digest_of(load(Path('{QUICKSTART}'))))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert there.stdout.strip() == digest_of(load(QUICKSTART))
    assert digest_of(load(QUICKSTART, ["budget.trials=25"])) != digest_of(load(QUICKSTART))


def test_another_loss_takes_only_the_shared_settings_of_the_file() -> None:
    spec = load(QUICKSTART, ["trial.loss={name: reg, alpha: 1.5, temperature: 0.3}"])
    same = draw(spec.trial, spec.dataset, {"loss.name": "reg"})
    other = draw(spec.trial, spec.dataset, {"loss.name": "msc"})
    assert same.loss.model_dump() == spec.trial.loss.model_dump()
    assert other.loss == MscSpec(temperature=0.3)
