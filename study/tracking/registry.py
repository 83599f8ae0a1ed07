"""Exported folders as versions of a registered model, with the code that reads them.

A version is loaded by MLflow's "models from code": a script, a copy of the parts of this
package that it imports, and the exported folder. No pickle, and no need of this package.
"""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import study
from study.serving import Manifest, read_manifest
from study.tracking.store import Store, is_gone

_PACKAGE = Path(study.__file__).parent
_TRAVELLING = ("__init__.py", "errors.py", "models", "serving", "spec")
_SCRIPT = _PACKAGE / "serving" / "pyfunc_model.py"
RELOAD_SCRIPT = Path(__file__).parent / "reload.py"
"""Loads a registered model in a process of its own."""

_NEEDED = ("mlflow", "numpy", "pandas", "pydantic", "safetensors", "torch")


@final
class Registry:
    """The model registry of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._client = store.client

    def register(
        self, run_id: str, exported: Path, name: str, tags: Mapping[str, str], example: str
    ) -> str:
        """Return the version of model ``name`` that holds an exported folder.

        A version with the same tags ``study.id`` and ``study.run`` is taken as it is: a study
        that was killed in between registers nothing twice.

        Args:
            run_id: The MLflow run that trained it.
            exported: A folder that :func:`study.serving.export` wrote.
            name: Name of the registered model; made if there is none.
            tags: Of the version.
            example: A text as the model will be asked about.

        Raises:
            StoreError: If the folder or the store cannot be used.
        """
        found = self.find(name, tags)
        if found is not None:
            return found
        with self._store.translated():
            self._ensure_model(name)
            return self._create(run_id, exported, name, dict(tags), example)

    def find(self, name: str, tags: Mapping[str, str]) -> str | None:
        """Return the version of the same study and run, None if there is none.

        Both are told by tags. Version 0.1.0 named runs otherwise: the same weights are the
        same run.

        Raises:
            StoreError: If the store cannot be used.
        """
        words = f"name = '{name}' AND tags.`study.id` = '{tags['study.id']}'"
        with self._store.translated():
            versions = self._client.search_model_versions(words)
        same = [
            str(one.version)
            for one in versions
            for key in ("study.run", "weights.sha256")
            if key in tags and one.tags.get(key) == tags[key]
        ]
        return min(same, key=int, default=None)

    def version_of(self, name: str, alias: str) -> str | None:
        """Return the version that ``alias`` points at, None if it points at none.

        Raises:
            StoreError: If the store cannot be used.
        """
        from mlflow.exceptions import MlflowException

        with self._store.translated():
            try:
                return str(self._client.get_model_version_by_alias(name, alias).version)
            except MlflowException as error:
                if is_gone(error) or error.error_code == "INVALID_PARAMETER_VALUE":
                    return None
                raise

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Point ``alias`` at a version.

        Raises:
            StoreError: If the store cannot be used.
        """
        with self._store.translated():
            self._client.set_registered_model_alias(name, alias, version)

    def set_tags(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version.

        Raises:
            StoreError: If the store cannot be used.
        """
        with self._store.translated():
            for key, value in tags.items():
                self._client.set_model_version_tag(name, version, key, value)

    def _ensure_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _create(
        self, run_id: str, exported: Path, name: str, tags: dict[str, str], example: str
    ) -> str:
        from mlflow.entities import LoggedModelOutput

        run = self._client.get_run(run_id)
        model = self._client.create_logged_model(
            run.info.experiment_id, name=name, source_run_id=run_id, tags=tags
        )
        with tempfile.TemporaryDirectory() as folder:
            _save(Path(folder), exported, example, model)
            self._client.log_model_artifacts(model.model_id, str(Path(folder) / "model"))
        self._client.finalize_logged_model(model.model_id, "READY")
        self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        version = self._client.create_model_version(
            name, model.artifact_location, run_id, tags=tags, model_id=model.model_id
        ).version
        # By this tag MLflow's pages lead from the run to the version.
        link = json.dumps([{"name": name, "version": str(version)}])
        self._client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": link})
        return str(version)


def _save(folder: Path, exported: Path, example: str, model: Any) -> None:
    """Write the MLflow model to ``folder/model``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What MLflow says of its own classes.
        from mlflow.models import Model
        from mlflow.pyfunc import save_model
    code = folder / "code" / "study"
    for part in _TRAVELLING:
        _copy(_PACKAGE / part, code / part)
    save_model(
        folder / "model",
        python_model=str(_SCRIPT),
        artifacts={"model": str(exported)},
        code_paths=[str(code)],
        mlflow_model=Model(
            artifact_path=model.artifact_location,
            run_id=model.source_run_id,
            model_id=model.model_id,
            model_uuid=model.model_id,
        ),
        signature=_signature(read_manifest(exported)),
        input_example=[example],
        pip_requirements=requirements(),
    )


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)


def requirements() -> list[str]:
    """Return what the model needs, as installed; a local label such as ``+cpu`` is dropped."""
    found = {name: importlib.metadata.version(name) for name in _NEEDED}
    return [f"{name}=={version.partition('+')[0]}" for name, version in found.items()]


def _signature(manifest: Manifest) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array

    # Without a name: MLflow would refuse a plain list of texts if the column had one.
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string)]),
        outputs=Schema(
            [ColSpec(Array(DataType.string), "labels"), ColSpec(Array(DataType.double), "scores")]
        ),
        params=ParamSchema(
            [
                ParamSpec("threshold", DataType.double, manifest.threshold),
                ParamSpec("top_k", DataType.long, len(manifest.label_names)),
            ]
        ),
    )
