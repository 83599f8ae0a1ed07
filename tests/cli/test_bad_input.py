"""Bad input: every problem at once, with its path, exit code 2, and nothing started."""

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from study.cli.main import main
from study.losses import LOSSES

QUICKSTART = "search_spaces/quickstart.yaml"
Study = Callable[..., tuple[int, str, str]]


@pytest.fixture
def study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Study:
    """The command line in this process, with a storage folder that does not exist yet."""

    def run(*words: str, storage: Path = tmp_path / "studies") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["study", *words, "--storage", str(storage)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


@pytest.mark.parametrize("command", ["check", "run"])
def test_all_problems_of_file_data_machine_and_storage_come_at_once(
    study: Study, command: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    code, out, err = study(
        command,
        QUICKSTART,
        "--set=trial.epoch=3",
        "--set=trial.batch_size=many",
        "--set=space.batch_size=[64, 100000]",
        "--set=space.loss.name=[bce, rge]",
        "--set=resources.workers=1000",
        storage=tmp_path / "file" / "studies",
    )
    assert code == 2
    assert out == ""
    assert err.startswith(f"study {command}: CannotRunError\n--storage: must be a folder")
    for line in (
        "trial.epoch: is not a field here; did you mean 'epochs'?",
        "trial.batch_size: must be a whole number, not 'many'",
        f"space.loss.name: must be one of {', '.join(LOSSES)}, not 'rge'",
    ):
        assert line in err


def test_what_only_data_and_machine_can_tell_is_told_before_anything_starts(
    study: Study, tmp_path: Path
) -> None:
    code, _, err = study(
        "run",
        QUICKSTART,
        "--set=space.batch_size=[64, 100000]",
        "--set=resources.workers=1000",
    )
    assert code == 2
    cores = len(os.sched_getaffinity(0))
    assert err.splitlines()[1:] == [
        "space.batch_size: must be at most 5549, the train split of debtags, not 100000",
        "space.batch_size: must be at least resources.workers (1000), not 64",
        f"resources.workers: must be at most {cores}, not 1000: this machine has {cores} CPUs, "
        "a worker takes 1 CPU",
    ]
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: does not exist"),
        (["run", QUICKSTART, "--name", "../up"], "name: must match"),
        (["run", QUICKSTART, "--set", "x"], "--set: must be path=value, not 'x'"),
        (["show", "../up"], "NAME: there is no study '../up' in "),
        (["show", "absent", "--json"], "NAME: there is no study 'absent' in "),
        (["resume", "absent"], "NAME: there is no study 'absent' in "),
        (["report", "absent"], "NAME: there is no study 'absent' in "),
        (["list", "nonsense"], "WHAT: must be one of studies, losses, not 'nonsense'"),
    ],
)
def test_what_is_not_there_is_told(study: Study, words: list[str], message: str) -> None:
    code, out, err = study(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_an_unknown_option_is_a_usage_error(study: Study) -> None:
    code, _, err = study("run", QUICKSTART, "--sett", "x=1")
    assert code == 2
    assert "No such option" in err


def test_a_storage_that_is_not_writable_is_told(study: Study) -> None:
    code, _, err = study("run", QUICKSTART, storage=Path("/proc/self/studies"))
    assert code == 2
    assert "--storage: must be writable, /proc/self is not" in err


def test_a_tracking_store_of_a_newer_mlflow_is_told_and_left_alone(
    study: Study, tmp_path: Path
) -> None:
    storage = tmp_path / "studies"
    storage.mkdir()
    with sqlite3.connect(storage / "mlflow.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
    database.close()
    before = (storage / "mlflow.db").read_bytes()
    code, _, err = study("run", QUICKSTART, storage=storage)
    assert code == 2
    assert "mlflow.db" in err
    assert "newer" in err
    assert (storage / "mlflow.db").read_bytes() == before
    assert [path.name for path in storage.iterdir()] == ["mlflow.db"]


def test_check_prints_the_plan_and_its_arithmetic(study: Study, tmp_path: Path) -> None:
    code, out, _ = study("check", QUICKSTART)
    cores = len(os.sched_getaffinity(0))
    assert code == 0
    *lines, disk = out.splitlines()[2:]
    assert disk.startswith("disk: about ")
    assert lines == [
        "space: loss.name, loss.temperature, loss.alpha, loss.regulariser, batch_size, "
        "optimizer.learning_rate",
        "objective: val/f1_macro",
        "trials: 24 or 1 hours, at least 34% of them classifiers",
        "rungs: epochs 1, 3, 9; stop rule: asha",
        "finalists: best 3 and the best classifier, 3 seeds each: at most 12 runs of 9 epochs",
        "model: debtags",
        f"lanes: {min(cores, 24)} (this machine has {cores} CPUs; a trial takes 1 worker(s) x "
        f"1 CPU: {min(cores, 24)} trial(s) at a time)",
    ]
    assert not (tmp_path / "studies").exists()


def test_check_names_what_it_could_not_look_at(study: Study) -> None:
    code, out, _ = study(
        "check", QUICKSTART, "--address", "auto", "--tracking-uri", "http://127.0.0.1:9"
    )
    assert code == 0
    assert out.splitlines()[-2:] == [
        "unchecked: whether the Ray cluster at auto has room for a trial",
        "unchecked: whether the tracking store at http://127.0.0.1:9 can be reached",
    ]


@pytest.mark.parametrize("words", [["list"], ["list", "studies"]])
def test_an_empty_storage_lists_nothing(study: Study, words: list[str]) -> None:
    code, out, _ = study(*words)
    assert code == 0
    assert "no studies in" in out
