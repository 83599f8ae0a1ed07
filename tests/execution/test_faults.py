"""Whose fault an error is."""

import errno

import pytest
import torch
from safetensors import SafetensorError

from study.errors import ConfigError, DataError, MachineError, StoreError, StudyError, TrialError
from study.execution.faults import is_device_fault, is_machine_fault


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


FULL = OSError(errno.ENOSPC, "No space left on device")
OF_MACHINE: list[Exception] = [
    MachineError("the node is gone"),
    DataError("data: must hold a whole prepared dataset"),
    StoreError("outcome.json: must be the outcome of a finalist run"),
    FULL,
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    PermissionError(errno.EACCES, "Permission denied"),
    OSError(errno.EROFS, "Read-only file system"),
    OSError(errno.EIO, "Input/output error"),
    OSError(errno.ESTALE, "Stale file handle"),
    OSError(errno.ENOTCONN, "Transport endpoint is not connected"),
    OSError(errno.EFBIG, "File too large"),
    NotADirectoryError(errno.ENOTDIR, "Not a directory"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    RuntimeError("[enforce fail at inline_container.cc] . write failed: No space left on device"),
    caused(TrialError("must be a whole checkpoint"), PermissionError(errno.EACCES, "denied")),
    caused(RuntimeError("x"), caused(ValueError("y"), FULL)),
]
OF_TRIAL: list[Exception] = [
    TrialError("train/loss: must be finite, not nan"),
    ConfigError("loss.alpha: must be above 0"),
    StudyError("x"),
    ValueError("shapes do not fit"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
    FileNotFoundError(errno.ENOENT, "No such file or directory"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("[gloo] Connection closed by peer"),
    SafetensorError("Error while deserializing header: incomplete metadata (os error 2)"),
    ZeroDivisionError(),
]


@pytest.mark.parametrize("error", OF_MACHINE, ids=lambda e: f"{type(e).__name__}: {e}"[:50])
def test_these_are_the_machines_fault(error: Exception) -> None:
    assert is_machine_fault(error)


@pytest.mark.parametrize("error", OF_TRIAL, ids=lambda e: f"{type(e).__name__}: {e}"[:50])
def test_these_are_the_trials_fault(error: Exception) -> None:
    assert not is_machine_fault(error)


def test_an_error_while_another_was_handled_is_followed_too() -> None:
    error = ValueError("while cleaning up")
    error.__context__ = FULL
    assert is_machine_fault(error)
    error.__suppress_context__ = True
    assert not is_machine_fault(error)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("CUDA driver error: unknown error"), True),
        (torch.AcceleratorError("CUDA error: an illegal memory access"), True),
        (RuntimeError("NCCL error: remote process exited"), True),
        (caused(RuntimeError("x"), RuntimeError("cudaErrorLaunchFailure")), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), False),
        (RuntimeError("Expected all tensors to be on the same device, cpu and cuda:0"), False),
        (TrialError("train/loss: must be finite"), False),
    ],
)
def test_a_gpu_that_is_lost_for_the_process_is_known(error: Exception, expected: bool) -> None:
    assert is_device_fault(error) is expected
