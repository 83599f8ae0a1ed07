"""Text is read and written as UTF-8 whatever the locale: no call leaves the encoding open.

Ruff's rule for this (PLW1514) sees only paths whose type it can infer: 4 of 73 calls.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    file for folder in ("study", "tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")
)

PROCESSES = {"Popen", "check_call", "check_output", "run"}
FILE_HANDLERS = {"FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler"}
OPENERS = {"NamedTemporaryFile", "SpooledTemporaryFile", "TemporaryFile", "fdopen", "open"}


def open_encodings(source: str) -> list[int]:
    """Lines of calls that leave the encoding of text to the locale."""
    nodes = list(ast.walk(ast.parse(source)))
    calls = (node for node in nodes if isinstance(node, ast.Call))
    withs = (
        one.context_expr for node in nodes if isinstance(node, ast.With) for one in node.items
    )
    bare = (one for one in withs if isinstance(one, ast.Call) and is_bare_open(one))
    return sorted({call.lineno for call in [*filter(leaves_open, calls), *bare]})


def is_bare_open(call: ast.Call) -> bool:
    """Whether it is ``path.open()``; what is not a file is not opened in a ``with``."""
    name = getattr(call.func, "attr", "")
    return name == "open" and not call.args and not call.keywords


def leaves_open(call: ast.Call) -> bool:
    function, named = call.func, {one.arg: one.value for one in call.keywords}
    name = getattr(function, "attr", getattr(function, "id", ""))
    if "encoding" in named or None in named:
        return False
    match name:
        case "read_text":
            return not call.args
        case "write_text":
            return len(call.args) < 2
        case _ if name in PROCESSES:
            return bool({"text", "universal_newlines"} & named.keys())
        case _ if name in FILE_HANDLERS:
            return True
        case _ if name in OPENERS:
            return opens_text(call, named.get("mode"))
    return False


def opens_text(call: ast.Call, mode: ast.expr | None) -> bool:
    """Whether a file is opened as text. A method ``open()`` without a mode may be anything's."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    is_builtin = isinstance(call.func, ast.Name) and name == "open"
    first = 1 if is_builtin or name == "fdopen" else 0
    mode = mode or next(iter(call.args[first : first + 1]), None)
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
        return "b" not in mode.value
    return is_builtin


def test_every_text_file_has_its_encoding() -> None:
    found = {
        str(file.relative_to(ROOT)): open_encodings(file.read_text("utf-8")) for file in FILES
    }
    assert len(found) > 100
    assert not {file: lines for file, lines in found.items() if lines}, "must say encoding='utf-8'"


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text()",
        "path.write_text(text)",
        "path.write_text(text, errors='strict')",
        "path.open('a')",
        "path.open(mode='w')",
        "with path.open() as stream: pass",
        "open(name)",
        "open(name, 'w')",
        "subprocess.run(command, text=True)",
        "Popen(command, universal_newlines=True)",
        "logging.FileHandler(path)",
        "tempfile.NamedTemporaryFile('w')",
        "os.fdopen(1, 'w')",
    ],
)
def test_the_check_sees(source: str) -> None:
    assert open_encodings(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text('utf-8')",
        "path.write_text(text, 'utf-8')",
        "path.write_text(text, encoding='utf-8')",
        "path.open('rb')",
        "spec.dataset.open()",
        "open(name, 'rb')",
        "open(name, encoding='utf-8')",
        "subprocess.run(command, capture_output=True)",
        "tempfile.TemporaryFile(dir=folder)",
        "read(**options)",
    ],
)
def test_the_check_lets_pass(source: str) -> None:
    assert open_encodings(source) == []
