"""A tracking server that goes away before the winner is registered."""

import socket
from pathlib import Path

import pytest
from real_studies import Studies

from study.plan import FinalistsChosen, ModelRegistered, StudyEnded
from tests.tracking.test_server import served

# MLflow's own warnings are not ours to mend.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.timeout(600)
def test_a_store_away_at_the_end_is_waited_for_by_resume(studies: Studies, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    server = tmp_path / "server"
    server.mkdir()
    uri = f"http://me:SECRET@127.0.0.1:{port}"
    with served(server, port):
        process = studies.start(
            *studies.run_words(budget__trials="4", finalists__seeds="1"), "--tracking-uri", uri
        )
        studies.wait_for(
            process, lambda events: any(isinstance(e, FinalistsChosen) for e in events)
        )
    process.communicate(timeout=300)
    assert process.returncode == 1, studies.log()
    assert "is away, and the winner cannot be registered" in studies.log()
    assert studies.show()["state"] == "INTERRUPTED"
    assert not any(isinstance(event, StudyEnded) for event in studies.events())

    with served(server, port):
        code, _ = studies.run("resume", "interface", "--tracking-uri", uri)
        assert code == 0, studies.log()
        client = MlflowClient(f"http://127.0.0.1:{port}")
        assert len(client.search_model_versions("name='debtags-interface'")) == 1
        runs = client.search_runs([client.get_experiment_by_name("interface").experiment_id])
        assert len(runs) == 1 + 4 + 1
        assert "RUNNING" not in {run.info.status for run in runs}
    assert sum(isinstance(event, ModelRegistered) for event in studies.events()) == 1
    shown = studies.show()
    assert (shown["state"], shown["tracking_uri"]) == ("FINISHED", f"http://127.0.0.1:{port}")
    for file in studies.storage.rglob("*"):
        assert file.is_dir() or b"SECRET" not in file.read_bytes(), file
