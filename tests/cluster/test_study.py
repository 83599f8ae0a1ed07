"""The main job, as a user does it: one command, and what it leaves behind."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from real_studies import Studies

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Studies:
    storage = tmp_path_factory.mktemp("finished")
    studies = Studies(storage)
    code, out = studies.run(*studies.run_words())
    assert code == 0, studies.log()
    assert "winner: " in out
    return studies


@pytest.fixture(scope="module")
def shown(finished: Studies) -> dict[str, Any]:
    return finished.show()


def test_what_show_prints_is_whole(shown: dict[str, Any]) -> None:
    assert (shown["schema_version"], shown["state"]) == (1, "FINISHED")
    assert [trial["number"] for trial in shown["trials"]] == list(range(6))
    assert {trial["state"] for trial in shown["trials"]} <= {"COMPLETE", "PRUNED"}
    for one in shown["finalists"]:
        assert one["val"]["low"] <= one["val"]["mean"] <= one["val"]["high"]
        assert [seed["seed"] for seed in one["seeds"]] == [1, 2]
        assert all(seed["run_id"] and seed["test"] is not None for seed in one["seeds"])
    assert shown["winner"]["rank"] == 1
    assert shown["baseline"]["loss"] in {"bce", "asl", "zlpr"}
    assert shown["model"]["aliases"] == ["challenger", "champion"]
    assert Path(shown["report"]).stat().st_size > 1e6
    assert min(shown["seconds"].values()) > 0


def test_no_test_figure_stands_in_a_trial(shown: dict[str, Any]) -> None:
    assert "test/" not in json.dumps(shown["trials"])


def test_mlflow_has_one_run_each_and_none_runs(finished: Studies, shown: dict[str, Any]) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.storage}/mlflow.db")
    experiment = client.get_experiment_by_name("interface")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    by_id = {run.info.run_id: run for run in runs}
    seeds = [seed for one in shown["finalists"] for seed in one["seeds"]]
    ids = [shown["parent_run_id"], *(one["run_id"] for one in [*shown["trials"], *seeds])]
    assert Counter(ids) == Counter(list(by_id))
    states = {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}
    for trial in shown["trials"]:
        run = by_id[trial["run_id"]]
        assert run.info.status == states[trial["state"]]
        assert run.data.tags["trial.state"] == trial["state"]
        assert run.data.tags["mlflow.parentRunId"] == shown["parent_run_id"]
        for path, value in trial["params"].items():
            assert run.data.params[path] == str(value)
        history = client.get_metric_history(trial["run_id"], "val/f1_macro")
        assert [(m.step, m.value) for m in sorted(history, key=lambda m: m.step)] == [
            (rung["epoch"], rung["metrics"]["val/f1_macro"]) for rung in trial["rungs"]
        ]
    assert by_id[shown["parent_run_id"]].info.status == "FINISHED"


def test_the_parent_run_holds_file_table_figures_and_report(
    finished: Studies, shown: dict[str, Any]
) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{finished.storage}/mlflow.db")
    names = {item.path for item in client.list_artifacts(shown["parent_run_id"])}
    assert {"study.yaml", "trials.csv", "figures", "report.html"} <= names


def test_the_champion_answers_in_a_fresh_process_without_pickle(
    finished: Studies, tmp_path: Path
) -> None:
    code = (
        "import sys, mlflow; mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/debtags-interface@champion')\n"
        "answer = model.predict(['a web server with a command line tool written in python', ''])\n"
        "print(answer.to_json(orient='records'))\n"
        "assert not {'ray', 'optuna'} & set(sys.modules), 'needs the platform'\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, f"sqlite:///{finished.storage}/mlflow.db"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env=os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, empty = json.loads(done.stdout.splitlines()[-1])
    assert "implemented-in::python" in first["labels"]
    assert first["scores"] == sorted(first["scores"], reverse=True)
    assert len(first["labels"]) == len(first["scores"])
    assert isinstance(empty["labels"], list)


def test_what_was_drawn_is_what_was_trained(finished: Studies, shown: dict[str, Any]) -> None:
    for one in shown["finalists"]:
        for seed in one["seeds"]:
            folder = finished.storage / "interface" / seed["folder"]
            model = json.loads((folder / "model" / "model.json").read_text("utf-8"))
            trained = model["provenance"]["spec"]
            assert trained["seed"] == seed["seed"]
            for path, value in one["params"].items():
                found = trained
                for step in path.split("."):
                    found = found[step]
                assert found == value


def test_nothing_of_ray_is_left(finished: Studies) -> None:
    command = ["pgrep", "-f", str(finished.storage)]
    left = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert left.stdout == ""


def test_a_second_run_prints_the_result_and_starts_nothing(finished: Studies) -> None:
    before = (finished.storage / "interface" / "journal.jsonl").read_bytes()
    code, out = finished.run(*finished.run_words(), timeout_s=60)
    assert code == 0
    assert "winner: " in out
    assert (finished.storage / "interface" / "journal.jsonl").read_bytes() == before


def test_another_study_under_the_name_is_refused(finished: Studies) -> None:
    code, _ = finished.run(*finished.run_words(trial__seed="7"), timeout_s=60)
    assert code == 2
    assert (
        "name: another study is called 'interface', it differs in trial.seed: 7, was 0"
        in finished.log()
    )


def test_a_finished_study_is_not_extended_and_says_so(finished: Studies) -> None:
    before = (finished.storage / "interface" / "journal.jsonl").read_bytes()
    code, out = finished.run(*finished.run_words(budget__trials="7"), timeout_s=60)
    assert code == 0
    assert "winner: " in out
    assert "extending it is not offered yet (budget.trials: 7, was 6)" in finished.log()
    code, _ = finished.run("resume", "interface", "--retry", "failed", timeout_s=60)
    assert code == 0
    assert "the study is finished, nothing is run again" in finished.log()
    assert (finished.storage / "interface" / "journal.jsonl").read_bytes() == before


def test_list_and_report_know_it(finished: Studies) -> None:
    code, out = finished.run("list", timeout_s=60)
    assert code == 0
    assert "interface" in out
    code, out = finished.run("report", "interface", timeout_s=60)
    assert code == 0
    assert Path(out.strip()).exists()


def test_two_workers_do_the_same_job(studies: Studies) -> None:
    code, _ = studies.run(*studies.run_words(resources__workers="2", budget__trials="4"))
    assert code == 0, studies.log()
    shown = studies.show()
    assert shown["state"] == "FINISHED"
    assert [trial["state"] for trial in shown["trials"]].count("FAIL") == 0
    assert shown["winner"]["val"]["mean"] > 0.3
