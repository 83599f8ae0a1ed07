"""A store's passwords, wherever a URI holds them, are neither printed nor written down."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import StoreError
from study.pipeline.preflight import Place, preflight_file
from study.plan import AnyEvent, Journal
from study.tracking import Mirror, Store, check_store, hidden, open_store, shown

SECRETS = {
    "https://me:SECRET@host:5000/x": "https://host:5000/x",
    "https://SECRET@host/x": "https://host/x",
    "postgresql://u:SECRET@h/db": "postgresql://h/db",
    "postgresql://u:SECRET/1@h/db": "postgresql://h/db",
    "postgresql://u:SEC#RET@h/db": "postgresql://h/db",
    "postgresql://h/db?user=u&password=SECRET": "postgresql://h/db?user=u",
    "postgresql://u:SECRET@h/db?sslmode=require": "postgresql://h/db?sslmode=require",
    "postgresql://h/db?password=SECRET": "postgresql://h/db",
    "postgresql://h/db?PassWord=SECRET&a=b": "postgresql://h/db?a=b",
    "postgresql://h/db?a=b&pass%77ord=SECRET": "postgresql://h/db?a=b",
    "postgresql://h/db?sslpassword=SECRET": "postgresql://h/db",
    "mysql://h/db?passwd=SECRET": "mysql://h/db",
    "mssql+pyodbc://h/db?pwd=SECRET": "mssql+pyodbc://h/db",
    "mssql+pyodbc:///?odbc_connect=UID%3Du%3BPWD%3DSECRET": "mssql+pyodbc:///",
    "https://h/?token=SECRET": "https://h/",
    "https://h/?client_secret=SECRET": "https://h/",
    "https://h/?access_key=SECRET": "https://h/",
    "https://h/?AWSAccessKeyId=SECRET": "https://h/",
    "https://h/?api-key=1&apikey=SECRET&sv=2": "https://h/?sv=2",
    "https://h/?sv=2&sig=SECRET": "https://h/?sv=2",
}
PLAIN = [
    "sqlite:////data/x@y.db",
    "https://host:5000/x@y",
    "postgresql://h:5432/db?user=u&sslmode=require&passfile=/x",
    "postgresql://h/db?application_name=signals&options=-c%20search_path%3Dx",
    "https://h/a/?b=&password=",
    "databricks://profile",
]


@pytest.mark.parametrize(("uri", "expected"), SECRETS.items())
def test_a_secret_is_not_shown(uri: str, expected: str) -> None:
    assert shown(uri) == expected


@pytest.mark.parametrize("uri", PLAIN)
def test_a_uri_without_a_secret_is_shown_as_it_is(uri: str) -> None:
    assert shown(uri) == uri


@pytest.mark.parametrize("uri", SECRETS)
def test_messages_hide_a_secret_however_they_quote_it(uri: str) -> None:
    rest = uri.partition("://")[2]
    told = hidden(f"{uri}/api failed: cannot connect to {rest}", uri)
    assert "SECRET" not in told
    assert "SEC#RET" not in told
    assert "failed: cannot connect to" in told


def test_a_percent_encoded_password_is_hidden_decoded_too() -> None:
    told = "password 'S E' failed for u at h"
    assert hidden(told, "postgresql://u:S%20E@h/db") == "password '***' failed for u at h"


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9/?token=SECRET", "http://a:SECRET@127.0.0.1:9"]
)
def test_a_store_that_cannot_be_reached_hides_it(uri: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(uri, tmp_path)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("uri", ["foo://h/?password=SECRET", "sqlite:///x.db?password=SECRET"])
def test_a_store_that_is_refused_hides_it(uri: str, tmp_path: Path) -> None:
    (problem,) = check_store(uri, tmp_path)
    assert "SECRET" not in str(problem)


def test_what_was_not_checked_is_told_without_it(tmp_path: Path) -> None:
    uri = "postgresql://u@h/db?password=SECRET"
    file = Path("search_spaces/interface.yaml")
    told = preflight_file(Place(tmp_path, uri), file).unchecked
    assert told == ("whether the tracking store at postgresql://h/db can be reached",)


def test_no_file_of_a_study_holds_it(
    store: Store, folder: Path, story: list[AnyEvent], caplog: pytest.LogCaptureFixture
) -> None:
    uri = "postgresql://u:SECRET@h/db?password=SECRET"
    elsewhere = Store(uri, "--tracking-uri", store.client, folder.parent / "artifacts")
    journal = Journal(folder / "journal.jsonl")
    for event in story:
        journal.append(event)
    mirror = Mirror(elsewhere, journal, folder)
    assert mirror.close()
    journal.close()
    for file in folder.rglob("*"):
        assert file.is_dir() or b"SECRET" not in file.read_bytes()
    assert "SECRET" not in caplog.text
