"""`cluster.yaml` passes the checks that `ray up` makes before it starts anything."""

from pathlib import Path

import pytest
import yaml


@pytest.mark.filterwarnings("ignore")
def test_ray_accepts_it() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(Path("cluster.yaml").read_text("utf-8"))
    validate_config(prepare_config(config))


def test_workers_are_not_niced_and_the_dashboard_is_not_open_to_the_world() -> None:
    text = Path("cluster.yaml").read_text("utf-8")
    assert text.count("RAY_worker_niceness=0 ray start") == 2
    assert "--dashboard-host=127.0.0.1" in text
