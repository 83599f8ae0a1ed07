"""The `study` command: parses, calls one function, prints. Exit codes: see `study.errors`."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from study import __version__
from study.cli.stop import Stop
from study.errors import ConfigError, MachineError, Problem, StoreError, StudyError

app = typer.Typer(
    name="study",
    help=(
        "Find the contrastive loss, temperature and batch size that give the best "
        "multi-label classifier for a dataset, and register the winner."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Retried(StrEnum):
    """What of a study runs again."""

    FAILED = "failed"


File = Annotated[Path, typer.Argument(help="A study file (YAML).", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A study's name.", show_default=False)]
Storage = Annotated[
    Path, typer.Option(help="Folder of all studies; the same path on every node of a cluster.")
]
Tracking = Annotated[
    str | None,
    typer.Option(
        envvar="MLFLOW_TRACKING_URI",
        help="MLflow tracking store and registry. Default: STORAGE/mlflow.db.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(help="Where Ray runs: local, auto, or HOST:PORT of a cluster. Default: local."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a field of the file, for example --set resources.workers=2. Repeatable.",
    ),
]
Retry = Annotated[
    Retried | None, typer.Option(help="Run again: failed (trials and finalists that failed).")
]
SetAgain = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change budget, resources, or finalists that are not chosen yet. Repeatable.",
    ),
]
NewName = Annotated[str | None, typer.Option("--name", help="Replaces the name in the file.")]
HERE = Path("studies")

INTERRUPTED = 130
"""What typer leaves with after Ctrl-C; to the user it is a study that did not finish: 1."""

stop = Stop()


@app.command()
def check(
    file: File,
    set_: Set = None,
    name: NewName = None,
    storage: Storage = HERE,
    tracking_uri: Tracking = None,
    address: Address = None,
) -> None:
    """Validate a study file and print the plan; starts nothing."""
    from study.cli.plan_view import print_plan
    from study.pipeline.preflight import Place, preflight_file

    place = Place(storage, tracking_uri, address)
    print_plan(preflight_file(place, file, set_ or (), name))


@app.command()
def run(
    file: File,
    set_: Set = None,
    name: NewName = None,
    storage: Storage = HERE,
    tracking_uri: Tracking = None,
    address: Address = None,
) -> None:
    """Run a study; resume it if it was interrupted; if finished, print its result."""
    from study.cli.live_view import LiveView
    from study.cli.result_view import print_result
    from study.pipeline.preflight import Place
    from study.pipeline.run import run_study

    place = Place(storage, tracking_uri, address)
    with LiveView() as view:
        stop.watch(view, storage)
        result = run_study(place, file, set_ or (), name, watcher=view)
    print_result(result)


@app.command()
def resume(
    name: Name,
    set_: SetAgain = None,
    retry: Retry = None,
    storage: Storage = HERE,
    tracking_uri: Tracking = None,
    address: Address = None,
) -> None:
    """Resume a study that was interrupted or failed."""
    from study.cli.live_view import LiveView
    from study.cli.result_view import print_result
    from study.pipeline.preflight import Place
    from study.pipeline.run import resume_study

    place = Place(storage, tracking_uri, address)
    with LiveView() as view:
        stop.watch(view, storage)
        result = resume_study(place, name, set_ or (), retry=retry is Retried.FAILED, watcher=view)
    print_result(result)


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(metavar="WHAT", help="What to list: studies or losses.")
    ] = "studies",
    storage: Storage = HERE,
) -> None:
    """List the studies in a storage folder, or the losses there are."""
    match what:
        case "studies":
            _list_studies(storage)
        case "losses":
            from study.cli.loss_view import print_losses

            print_losses()
        case _:
            raise ConfigError(Problem("WHAT", f"must be one of studies, losses, not {what!r}"))


def _list_studies(storage: Path) -> None:
    from study.cli.result_view import print_list
    from study.pipeline.home import Home

    home = Home(storage)
    results, damaged = home.results()
    print_list(results, home.storage)
    for problem in damaged:
        typer.echo(problem, err=True)


@app.command()
def show(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts; versioned.")] = False,
    storage: Storage = HERE,
) -> None:
    """Show what is known of a study, also while it runs."""
    from study.cli.result_view import print_result
    from study.pipeline.home import Home

    result = Home(storage).result(name)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        print_result(result)


@app.command()
def logs(
    name: Name,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="A run: 7, trial/7 or finalist/7/1. Without it the runs are listed.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Print what comes, until the run has ended.")
    ] = False,
    storage: Storage = HERE,
) -> None:
    """Show what the runs of a study wrote of their training, also while they run."""
    from study.cli.logs_view import print_log, print_runs
    from study.pipeline.home import Home

    if run is None:
        print_runs(Home(storage), name)
    else:
        print_log(Home(storage), name, run, follow=follow)


@app.command()
def report(name: Name, storage: Storage = HERE) -> None:
    """Write the report of a study again, also while it runs, and print its path."""
    from study.pipeline.home import Home
    from study.report import write_report

    home = Home(storage)
    result, folder = home.result(name), home.folder(name) / "report"
    try:
        typer.echo(write_report(result, folder))
    except OSError as error:
        raise StoreError(Problem(str(folder), f"must be writable: {error.strerror}")) from None


@app.command()
def schema(storage: Storage = HERE) -> None:  # noqa: ARG001 - an option of every command
    """Print the JSON schema of a study file, for editors."""
    import json

    from study.plan import StudySpec

    typer.echo(json.dumps(StudySpec.model_json_schema(), indent=2))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command and leave with its exit code: 0 done, 1 ran and failed, 2 cannot run."""
    stop.install()
    try:
        app()
    except StudyError as error:
        command = " ".join(["study", *sys.argv[1:2]])
        typer.echo(f"{command}: {type(error).__name__}\n{error}{_hint(error)}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as left:
        if left.code != INTERRUPTED:
            raise
        typer.echo(stop.last_words(), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo(stop.last_words(), err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort: never a bare traceback
        _tell_bug(error)
        sys.exit(1)


def _hint(error: StudyError) -> str:
    return f"\n{stop.hint()}" if isinstance(error, MachineError) else ""


def _tell_bug(error: Exception) -> None:
    text = (str(error).strip() or "no message").splitlines()[-1]
    typer.echo(f"study stopped on an error of its own: {type(error).__name__}: {text}", err=True)
    with suppress(OSError):
        # Nobody else can know the name: a link that waits there would be followed.
        handle, log = tempfile.mkstemp(prefix="study-error-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write("".join(traceback.format_exception(error)))
        typer.echo(f"details are in {log}; what was done is kept", err=True)
