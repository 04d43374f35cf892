"""Work done ahead in threads: in order, bounded, and over when its reader is.

Both functions are generators. Nothing starts before the first item is asked for, and
closing the generator (or leaving a loop over it) ends its threads.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_PATIENCE = 5.0  # seconds to wait for a thread that its own source keeps waiting
_LOOK = 0.5  # seconds between looks at the keyboard, where waiting hides Ctrl-C


class _Channel:
    """A queue of bounded length with an end at either side.

    Args:
        size: how many items may wait.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[Any] = deque()
        self._changed = threading.Condition()
        self._over = False  # nothing more is put
        self._unread = False  # nothing more is taken
        self._error: BaseException | None = None

    def put(self, item: Any) -> bool:
        """Add an item once there is room; return whether anybody still reads."""
        with self._changed:
            while len(self._items) >= self._size and not self._unread:
                self._changed.wait()
            self._items.append(item)
            self._changed.notify_all()
            return not self._unread

    def end(self, error: BaseException | None = None) -> None:
        """Say that there is no more, because of an error if there was one."""
        with self._changed:
            self._over, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """Say that nobody reads any more."""
        with self._changed:
            self._unread = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._changed:
                while not self._items and not self._over:
                    self._changed.wait(_LOOK)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        if self._error is not None:
            raise self._error


def prefetched(items: Iterable[T], size: int) -> Generator[T, None, None]:
    """Yield `items`, taken by a thread that is up to `size` ahead.

    An error of `items` is raised where it would have been, after what came before it.

    Example:
        >>> list(prefetched(range(4), 2))
        [0, 1, 2, 3]
    """
    channel = _Channel(size)
    context = contextvars.copy_context()  # np.errstate and the like hold there too
    thread = threading.Thread(
        target=context.run, args=(_fill, channel, items), daemon=True,
        name="graphkeras-prefetch",
    )  # fmt: skip
    thread.start()
    try:
        yield from channel
    finally:
        channel.close()
        thread.join(_PATIENCE)


def _fill(channel: _Channel, items: Iterable[Any]) -> None:
    error = None
    try:
        with closing_if_can(iter(items)) as iterator:
            for item in iterator:
                if not channel.put(item):
                    break
    except BaseException as caught:
        error = caught
    channel.end(error)


@contextmanager
def closing_if_can(iterator: Iterator[T]) -> Iterator[Iterator[T]]:
    """Close a generator when the block ends, whoever still refers to it."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def in_parallel(
    function: Callable[[T], R], items: Iterable[T], workers: int, ahead: int
) -> Generator[R, None, None]:
    """Yield ``function(item)`` in the order of `items`, computed by threads.

    `items` itself is read by the thread that asks for results. The first error, in
    the order of items, is raised in its place; what is being computed is waited for.

    Args:
        function: called by several threads at once.
        items: what it is called with.
        workers: number of threads.
        ahead: how many results, done or in the making, may wait to be taken.

    Example:
        >>> list(in_parallel(lambda x: x * x, range(4), workers=2, ahead=3))
        [0, 1, 4, 9]
    """
    pool = ThreadPoolExecutor(workers, "graphkeras-map")
    waiting: deque[Future[R]] = deque()
    failed: list[Exception] = []
    try:
        with closing_if_can(_until_error(items, failed)) as iterator:
            for item in iterator:
                context = contextvars.copy_context()
                waiting.append(pool.submit(context.run, function, item))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if failed:
            raise failed[0]
    finally:
        pool.shutdown(cancel_futures=True)


def _until_error(items: Iterable[T], failed: list[Exception]) -> Iterator[T]:
    """Yield items up to an error, which is kept: what came before is still computed."""
    try:
        with closing_if_can(iter(items)) as iterator:
            yield from iterator
    except Exception as error:
        failed.append(error)
