"""One process's work on one study: search, finalists, rank, register, report."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

import yaml

from study import __version__
from study.errors import CannotRunError, MachineError, Problem, StudyError
from study.pipeline.home import Home
from study.pipeline.leftovers import clear_leftovers
from study.pipeline.preflight import Checked
from study.pipeline.rank import rank_finalists
from study.pipeline.texts import sample_texts
from study.pipeline.upkeep import STORE_PATIENCE_S, tell_missing
from study.pipeline.watcher import Watcher
from study.plan import (
    AnyEvent,
    FinalistsRanked,
    Journal,
    LanePlan,
    LanesPlanned,
    ModelRegistered,
    ReportWritten,
    SessionStarted,
    StudyEnded,
    StudyInterrupted,
    StudyResult,
    StudyStarted,
    digest_of,
    now,
)
from study.plan.stored import given_settings, settings_file
from study.plan.trainlog import LOGS_FOLDER

if TYPE_CHECKING:
    from study.execution.cluster import Cluster
    from study.execution.prepare import PreparedFolders
    from study.tracking import Mirror, Store

_log = logging.getLogger(__name__)

STUDY_FILE = "study.yaml"
"""The study with overrides and defaults put in, beside its journal."""


@final
class Session:
    """Every step looks first whether it is done already."""

    def __init__(self, checked: Checked, home: Home, journal: Journal) -> None:
        self.spec = checked.spec
        self.dataset = checked.dataset
        self.lanes = checked.lanes
        self.place = checked.place
        self.source = checked.source
        self.home = home
        self.journal = journal
        self.folder = journal.file.parent

    def run(self, watcher: Watcher) -> StudyResult:
        """Work until the study is finished.

        Raises:
            CannotRunError: If the store or the cluster cannot be had; nothing was begun.
            StudyError: If it ran and failed.
        """
        from study.execution.cluster import start
        from study.tracking import Mirror, open_store

        clear_leftovers(self.home.cache, self.folder)
        prepared = self._prepare(watcher)
        store = open_store(self.place.tracking_uri, self.home.storage)
        with ExitStack() as ray:
            cluster = None
            if not self._has(FinalistsRanked):
                address = self.place.address or "local"
                cluster = ray.enter_context(start(address, self.folder / "ray.log"))
            self._open(watcher)
            with closing(Mirror(store, self.journal, self.folder)) as mirror:
                with self._failing():
                    if cluster is not None:
                        self._search(prepared, cluster, watcher)
                    # What follows can use the cores.
                    ray.close()
                    self._rank()
                    self._register(store, mirror)
                    self._report()
                    self._end("FINISHED")
                mirror.flush(STORE_PATIENCE_S)
                tell_missing(store, mirror, self.spec.name)
        return self._result()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Write down how the session ended if it did not reach its end.

        Once a session has begun, every error means "ran and failed" (exit code 1), never
        "cannot run" (2).
        """
        try:
            yield
        except BaseException as error:
            fault = self.journal.broken or _fault_of(error)
            # The study's own error is the one to be seen, whatever happens on the way out.
            with suppress(Exception):
                self._write_end(error, fault)
            if fault is not None and fault is not error:
                raise fault from None
            raise

    def _write_end(self, error: BaseException, fault: StudyError | None) -> None:
        if fault is not None:
            self.journal.append(StudyInterrupted(time=now(), reason=str(fault)))
        elif isinstance(error, StudyError):
            self._end("FAILED", str(error))
        if isinstance(error, Exception):
            # After Ctrl-C nobody wants to wait for a report.
            self._report()

    def _prepare(self, watcher: Watcher) -> PreparedFolders:
        """Prepare the data, unless trials may draw how: then each kind when it is first drawn."""
        from study.execution.prepare import PreparedFolders

        prepared = PreparedFolders(self.dataset, self.home.cache, watcher.notice)
        is_searched = any(path.startswith("encoder.") for path in self.spec.space)
        if not is_searched and not self._has(FinalistsRanked):
            # What is wrong with it is found before anything is started.
            prepared.folder_for(self.spec.trial.encoder)
        return prepared

    def _open(self, watcher: Watcher) -> None:
        from study.tracking import is_own_store, resolve, shown

        if not self.journal.events:
            self._begin()
        uri = resolve(self.place.tracking_uri, self.home.storage)
        self.journal.append(
            SessionStarted(
                time=now(),
                tracking_uri=shown(uri),
                tracking_given=not is_own_store(self.place.tracking_uri, self.home.storage),
                tracking_secret=shown(uri) != uri,
                address=self.place.address or "local",
            )
        )
        watcher.follow(self.journal)

    def _begin(self) -> None:
        resolved = yaml.safe_dump(settings_file(self.spec), sort_keys=False)
        (self.folder / STUDY_FILE).write_text(resolved, "utf-8")
        self.journal.append(
            StudyStarted(
                time=now(),
                name=self.spec.name,
                spec=self.spec.model_dump(mode="json"),
                spec_digest=digest_of(self.spec),
                dataset_digest=self.dataset.digest,
                label_names=self.dataset.label_names,
                sizes={str(name): len(split) for name, split in self.dataset.splits.items()},
                git_commit=_git_commit(self.source),
                package_version=__version__,
                given=given_settings(self.spec),
            )
        )

    def _planned(self, plan: LanePlan) -> None:
        self.journal.append(
            LanesPlanned(
                time=now(),
                lanes=plan.lanes,
                workers=plan.shape.workers,
                gpus_per_worker=plan.shape.gpus,
                arithmetic=plan.arithmetic,
            )
        )

    def _search(self, prepared: PreparedFolders, cluster: Cluster, watcher: Watcher) -> None:
        """Search, and train the finalists: one warm cluster for both."""
        from study.execution.assign import Places
        from study.execution.conductor import Conductor
        from study.execution.run import run_lanes
        from study.execution.scale import Scale
        from study.execution.sweep import Sweeper
        from study.execution.watch import watching

        places = Places(self.folder, prepared.folder_for)
        Sweeper(self.journal, places)
        scale = Scale(cluster, self.spec, self._planned)
        with closing(scale), watching(watcher.see_lanes):
            plan = scale.begin(self.lanes)
            conductor = Conductor(self.spec, self.journal, places, lanes=plan.lanes)
            run_lanes(
                conductor,
                plan.shape,
                cluster,
                lambda: scale.count(conductor.record),
                logs=self.folder / LOGS_FOLDER,
                stall_s=60 * self.spec.resources.stall_minutes,
            )

    def _rank(self) -> None:
        if not self._has(FinalistsRanked):
            self.journal.append(rank_finalists(self._result(), self.folder, self.dataset))

    def _register(self, store: Store, mirror: Mirror) -> None:
        if self._has(ModelRegistered):
            return
        from study.promotion import register_winner

        self._await(store, mirror)
        texts = sample_texts(self.dataset.splits["val"].inputs)
        model = register_winner(store, self.journal.events, self.folder, texts)
        self.journal.append(ModelRegistered(time=now(), **model.model_dump()))

    def _await(self, store: Store, mirror: Mirror) -> None:
        """Wait for the store as long as it takes more.

        Raises:
            MachineError: If it is away.
        """
        if not mirror.flush(STORE_PATIENCE_S):
            rule = (
                f"MLflow at {store.shown} is away, and the winner cannot be registered; "
                f"`study resume {self.spec.name}` does it when it is back"
            )
            raise MachineError(Problem("--tracking-uri", rule))

    def _report(self) -> None:
        """Write the report, if there is anything to report; the mirror copies it to the run.

        A study that has its result does not fail for want of a page.
        """
        result = self._result()
        if not result.trials:
            return
        try:
            from study.report import write_report

            page = write_report(result, self.folder / "report")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the page
            told = f"{type(error).__name__}: {error}"
            _log.warning("no report: %s; `study report %s` writes it", told, self.spec.name)
            return
        path = str(page.relative_to(self.folder))
        self.journal.append(ReportWritten(time=now(), path=path))

    def _end(self, state: Literal["FINISHED", "FAILED"], reason: str = "") -> None:
        self.journal.append(StudyEnded(time=now(), state=state, reason=reason))

    def _result(self) -> StudyResult:
        return self.home.fold(self.folder.name, self.journal.events, running=False)

    def _has(self, kind: type[AnyEvent]) -> bool:
        return any(isinstance(event, kind) for event in self.journal.events)


def _fault_of(error: BaseException) -> StudyError | None:
    """Return the machine's fault that an error stands for: the study can be resumed."""
    if isinstance(error, MachineError):
        return error
    if isinstance(error, CannotRunError):
        # A store or cluster that is away; once begun, it is an interruption.
        return MachineError(error.problems)
    if isinstance(error, OSError):
        return MachineError(f"{error.filename or 'the machine'}: {error.strerror or error}")
    return None


def _git_commit(folder: Path | None) -> str | None:
    """Return the commit of the repository that the study file lies in, if it is in one."""
    if folder is None:
        return None
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(
            command, capture_output=True, encoding="utf-8", timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
