"""`cluster.yaml` and the README's section on clusters claim nothing that is not so."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from study.plan import load
from study.plan.study import ResourcesSpec

FILE = Path("cluster.yaml")
README = Path("README.md").read_text("utf-8")
SECTION = README.partition("## On a cluster")[2].partition("\n## ")[0]
STARTS = ("head_start_ray_commands", "worker_start_ray_commands")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def prepared(config: dict[str, Any]) -> dict[str, Any]:
    """The file as `ray up` completes it."""
    from ray.autoscaler._private.util import prepare_config

    found: dict[str, Any] = prepare_config(yaml.safe_load(FILE.read_text("utf-8")))
    return found


def commands(program: str) -> list[list[str]]:
    """The command lines of ``program`` that file and README give, also those inside another."""
    found = []
    for text in (FILE.read_text("utf-8"), SECTION):
        for line in re.findall(rf"(?m)^(?:# +)?({program} [a-z-]+ .*)$", text):
            found.append(shlex.split(line, comments=True))
        for line in re.findall(rf"&& ({program} [^']*)'", text):
            found.append(shlex.split(line))
    return found


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.filterwarnings("ignore")
def test_ray_accepts_it(prepared: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import validate_config

    validate_config(prepared)
    assert any("boto3" in line for line in prepared["head_setup_commands"]), "no workers else"


@pytest.mark.parametrize("program", ["ray", "study"])
def test_commands_and_options_exist(program: str) -> None:
    from ray.scripts.scripts import cli as ray_cli

    from study.cli.main import app

    # Typer brings a click of its own: the two groups are alike, but of no common type.
    group: Any = ray_cli if program == "ray" else typer.main.get_command(app)
    given = commands(program)
    assert len(given) >= 2
    for _, name, *words in given:
        asked = {word.partition("=")[0] for word in words if word.startswith("--")}
        # As Ray's `ray exec FILE 'command with options of its own'`: only whole words count.
        assert asked <= options_of(group.commands[name]), name


def test_the_study_file_is_among_what_is_copied(config: dict[str, Any]) -> None:
    for _, _, file, *_ in commands("study"):
        assert load(Path(file)).name
    assert config["file_mounts"]["~/study"] == "."
    assert "cd study &&" in FILE.read_text("utf-8")
    assert "pip install ~/study" in config["setup_commands"]


@pytest.mark.parametrize("kind", STARTS)
def test_every_node_starts_ray_alike(config: dict[str, Any], kind: str) -> None:
    (start,) = [line for line in config[kind] if "ray start" in line]
    variables = start.partition("ray start")[0].split()
    assert set(variables) == {"RAY_AUTH_MODE=token", "RAY_worker_niceness=0"}


def test_the_token_gets_where_ray_looks_for_it(config: dict[str, Any]) -> None:
    from ray._private.authentication.authentication_token_setup import _get_default_token_path

    there = str(_get_default_token_path()).replace(str(Path.home()), "~")
    assert config["file_mounts"][there] == there
    assert "ray get-auth-token --generate" in FILE.read_text("utf-8")


def test_the_dashboard_is_not_open_to_the_world(config: dict[str, Any]) -> None:
    head = " ".join(config["head_start_ray_commands"])
    assert "--dashboard-host=127.0.0.1" in head


def test_the_head_trains_nothing_and_workers_start_at_none(config: dict[str, Any]) -> None:
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"] == {"CPU": 0}
    assert [kind["min_workers"] for name, kind in types.items() if name != "head"] == [0]
    # Nothing fits on the head: a study waits for a worker, and that takes minutes.
    assert ResourcesSpec().wait_minutes >= 10


def test_the_storage_of_the_command_is_the_shared_disk(config: dict[str, Any]) -> None:
    (mount,) = [line for line in config["setup_commands"] if "mount -t" in line]
    disk = mount.split()[-1]
    storages = [words[words.index("--storage") + 1] for words in commands("study")]
    assert all(storage.startswith(f"{disk}/") for storage in storages)
