"""The workers of one trial, seen from one of them.

A loss spans the whole batch, but every worker embeds only its share. Each of the W workers
gathers all shares and computes a part of the loss: the rows of its own anchors. Then

    gather's backward   sums over the workers' parts
    DDP                 averages over workers, so each part is multiplied by W

and the gradient is that of one worker with the whole batch. A gather without gradient gives
the right loss and a wrong gradient, in length or even in direction.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast, final

import torch
import torch.distributed as dist
from torch import Tensor

from study.errors import TrialError

T = TypeVar("T")


class World(Protocol):
    """Number of workers, place among them, and the collectives that a trial needs."""

    @property
    def size(self) -> int:
        """Number of workers, at least 1."""
        ...

    @property
    def rank(self) -> int:
        """Place of this worker, from 0."""
        ...

    @property
    def device(self) -> torch.device:
        """Where this worker computes."""
        ...

    def gather(self, share: Tensor, total: int) -> Tensor:
        """Return the shares of all workers in order of rank, along the first axis.

        The gradient flows back to the worker a share came from, summed over all workers.

        Args:
            share: The rows ``share_of(total, self)``; the other axes agree on all workers.
            total: Number of rows of all shares together.
        """
        ...

    def gather_plain(self, share: Tensor, total: int) -> Tensor:
        """Return what :meth:`gather` does, without gradient."""
        ...

    def broadcast(self, value: T) -> T:
        """Return the value of rank 0, which must survive pickling; the others' is dropped."""
        ...

    def mean(self, value: float) -> float:
        """Return the average over workers; the same number on each of them."""
        ...


def share_of(total: int, world: World) -> slice:
    """Return the rows of ``total`` that are this worker's; shares differ by one at most.

    They are those of ``torch.tensor_split``: the first workers have one more.
    """
    each, left = divmod(total, world.size)
    start = world.rank * each + min(world.rank, left)
    return slice(start, start + each + (world.rank < left))


def on_first(world: World, compute: Callable[[], T]) -> T:
    """Return on every worker what ``compute`` returns on rank 0, or raise what it raises.

    The others wait, so this is a barrier too. They get rank 0's error, whatever it is, or its
    text if it cannot be sent: nobody is left waiting.
    """
    result: T | None = None
    failure: Exception | None = None
    if world.rank == 0:
        try:
            result = compute()
        except Exception as error:  # noqa: BLE001 - the others wait for it, whatever it is
            failure = error
    result, sent = world.broadcast((result, failure and _sendable(failure)))
    if failure is not None:
        raise failure
    if sent is not None:
        raise sent
    return cast("T", result)


def _sendable(error: Exception) -> Exception:
    """Return an error that survives pickling: itself, or one that says the same."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - a class that cannot be rebuilt may raise anything
        copy = None
    return (
        error if isinstance(copy, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
    )


OTHER_FAILED = "another worker of this trial failed; its own error tells why"


def on_all(world: World, compute: Callable[[], T]) -> T:
    """Return what ``compute`` returns here; raise on every worker if it raises on any.

    A worker that went on alone would wait for the others for ever.
    """
    result: T | None = None
    failure: Exception | None = None
    try:
        result = compute()
    except Exception as error:  # noqa: BLE001 - the others must learn of it, whatever it is
        failure = error
    failed = world.mean(float(failure is not None)) > 0
    if failure is not None:
        raise failure
    if failed:
        raise TrialError(OTHER_FAILED)
    return cast("T", result)


@final
class Alone:
    """A world of one: no process group, gathering is the identity."""

    size = 1
    rank = 0

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def gather(self, share: Tensor, total: int) -> Tensor:
        """Return ``share``."""
        _check_share(share, total, self)
        return share

    def gather_plain(self, share: Tensor, total: int) -> Tensor:
        """Return ``share`` without gradient."""
        return self.gather(share, total).detach()

    def broadcast(self, value: T) -> T:
        """Return ``value``."""
        return value

    def mean(self, value: float) -> float:
        """Return ``value``."""
        return value


@final
class Workers:
    """The default process group, gloo or NCCL, which must be up already."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.size = dist.get_world_size()
        self.rank = dist.get_rank()
        self.device = torch.device(device)

    def gather(self, share: Tensor, total: int) -> Tensor:
        """Return all shares, with gradient."""
        _check_share(share, total, self)
        # Collectives want equal lengths: a shorter share is filled up, and cut again below.
        longest = -(-total // self.size)
        filled = torch.cat([share, share.new_zeros(longest - len(share), *share.shape[1:])])
        padded: Tensor = _Gather.apply(filled, self.size)  # type: ignore[no-untyped-call]
        if total % self.size == 0:
            return padded
        lengths = [longest - (rank >= total % self.size) for rank in range(self.size)]
        return torch.cat(
            [part[:length] for part, length in zip(padded.split(longest), lengths, strict=True)]
        )

    def gather_plain(self, share: Tensor, total: int) -> Tensor:
        """Return all shares, without gradient."""
        return self.gather(share.detach(), total)

    def broadcast(self, value: T) -> T:
        """Return the value of rank 0."""
        values = [value]
        # The group's own device carries the bytes, NCCL's being the GPU of this worker.
        dist.broadcast_object_list(values, src=0, device=self.device)
        return values[0]

    def mean(self, value: float) -> float:
        """Return the average, in float64."""
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return total.item() / self.size


@final
class _Gather(torch.autograd.Function):
    """All-gather whose backward is its transpose: reduce-scatter, summing."""

    @staticmethod
    def forward(ctx: Any, share: Tensor, size: int) -> Tensor:
        ctx.size, ctx.shape = size, share.shape
        shares = share.new_empty(size * len(share), *share.shape[1:])
        dist.all_gather(list(shares.chunk(size)), share.contiguous())
        return shares

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        own = gradients[0].new_empty(ctx.shape)
        dist.reduce_scatter(own, list(gradients[0].contiguous().chunk(ctx.size)))
        return own, None


def _check_share(share: Tensor, total: int, world: World) -> None:
    rows = share_of(total, world)
    if len(share) != rows.stop - rows.start:
        raise ValueError(
            f"worker {world.rank} of {world.size} has {rows.stop - rows.start} of {total} rows, "
            f"not {len(share)}"
        )
