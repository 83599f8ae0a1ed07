"""Whose fault an error is: the machine's, the GPU's, or the trial's."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator

from study.errors import DataError, MachineError, ResourceError, StoreError

_MACHINE = (MachineError, DataError, StoreError, ResourceError)
"""Errors of a trial's surroundings: disk, prepared data, store, cluster."""

_NUMBERS = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG,  # no space, by whatever limit
        errno.EACCES, errno.EPERM, errno.EROFS,  # no permission
        errno.EIO, errno.EREMOTEIO, errno.ENODEV, errno.ENXIO, errno.EUCLEAN,  # a broken disk
        errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ENOLCK,  # a lost file server
        errno.ENFILE, errno.EMFILE,  # no files left to open
        errno.ENOTDIR, errno.EEXIST,  # something else lies in the place of a folder
    }
)  # fmt: skip
"""Numbers of operating system errors that no configuration of a trial causes.

Not among them: ENOENT and ENOMEM, which a plug-in or a batch size can cause.
"""

_TEXTS = tuple(os.strerror(number) for number in sorted(_NUMBERS - {errno.EEXIST}))
"""As libraries repeat them in errors of their own, without the number."""

_NUMBER = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)")
"""As Python and Rust, which safetensors is written in, print the number."""

_DEVICE = re.compile(
    r"CUDA (driver )?error|cudaError|device-side assert|NCCL|CUBLAS_STATUS|CUDNN_STATUS"
)


def is_machine_fault(error: BaseException) -> bool:
    """Return whether the machine failed and not the trial.

    An error is followed to its causes. NaN, CUDA out of memory and errors of a plug-in are
    the trial's: other trials of the study may not have them.
    """
    return any(_is_of_machine(one) for one in _causes(error))


def is_device_fault(error: BaseException) -> bool:
    """Return whether the process can no longer use its GPU: CUDA's state is lost.

    Out of memory is no such error: what the trial held is freed with it.
    """
    return any(
        type(one).__name__ == "AcceleratorError"
        or (isinstance(one, RuntimeError) and bool(_DEVICE.search(str(one))))
        for one in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that led to it, each once."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _is_of_machine(error: BaseException) -> bool:
    if isinstance(error, _MACHINE):
        return True
    if isinstance(error, OSError):
        return error.errno in _NUMBERS
    text = str(error)
    found = _NUMBER.search(text)
    if found:
        return int(found[1] or found[2]) in _NUMBERS
    return any(one in text for one in _TEXTS)
