"""The commands and their options: what must not grow or change by accident."""

import json
import subprocess
import sys

import jsonschema
import pytest
from typer.testing import CliRunner

from study.cli.main import app

runner = CliRunner()


def test_the_commands_are_these() -> None:
    commands = app.registered_commands
    names = sorted(one.name or getattr(one.callback, "__name__", "") for one in commands)
    assert names == ["check", "list", "logs", "report", "resume", "run", "schema", "show"]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("check", {"--set", "--name", "--storage", "--tracking-uri", "--address"}),
        ("run", {"--set", "--name", "--storage", "--tracking-uri", "--address"}),
        ("resume", {"--storage", "--tracking-uri", "--address"}),
        ("show", {"--json", "--storage"}),
        ("logs", {"--follow", "--storage"}),
        ("report", {"--storage"}),
        ("list", {"--storage"}),
        ("schema", {"--storage"}),
    ],
)
def test_every_command_helps_with_its_options(command: str, options: set[str]) -> None:
    done = runner.invoke(app, [command, "--help"])
    assert done.exit_code == 0
    found = {word for word in done.output.split() if word.startswith("--")}
    assert {word.rstrip(",.") for word in found} - {"--help"} >= options


def test_the_schema_is_a_schema_and_knows_the_losses() -> None:
    schema = json.loads(runner.invoke(app, ["schema"]).output)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["required"]) == {"name", "dataset", "space"}
    assert "RegSpec" in schema["$defs"]


@pytest.mark.parametrize("words", [["check", "search_spaces/quickstart.yaml"], ["list", "losses"]])
def test_looking_imports_neither_ray_nor_mlflow_nor_transformers_nor_optuna(
    words: list[str],
) -> None:
    code = (
        "import sys\n"
        f"sys.argv = {['study', *words]}\n"
        "from study.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as left: assert not left.code, left.code\n"
        "print([n for n in ('ray', 'mlflow', 'transformers', 'optuna') if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
