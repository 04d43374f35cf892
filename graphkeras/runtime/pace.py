"""How many threads a program runs on: what proved fastest, and is tried now and then.

Results do not depend on it, so it may change from one stretch of an epoch to the next.
Everything is measured, nothing guessed: a program too small for two threads, a busy
core or a shared one all show as time.
"""

from __future__ import annotations

from collections.abc import Sequence

FIRST, STRETCH = 0.004, 0.030  # seconds: of a trial, and between two decisions
BETTER = 0.97  # more threads must save that much
WORSE = 1.2  # times the best of this count: something has changed
FEWEST, MOST = 4, 64  # stretches between two trials of another count


def levels(most: int) -> list[int]:
    """Return the counts that are tried: 1, 2, 4 ... and the most.

    Example:
        >>> levels(6)
        [1, 2, 4, 6]
    """
    found = [1]
    while found[-1] * 2 < most:
        found.append(found[-1] * 2)
    return [*found, most] if most > 1 else found


class Pace:
    """Decides from the times it is told.

    Attributes:
        least: seconds on one thread below which a run stays there.
    """

    def __init__(self, least: float) -> None:
        self.least = least
        self.seconds: dict[int, float] = {}  # of a step, lately
        self.best: dict[int, float] = {}
        self._first = (
            0.0  # seconds of the first steps ever: they tell how long, at most
        )
        self._interval, self._left = FEWEST, FEWEST
        self._trial: int | None = None

    def threads(self, most: int) -> int:
        """Return how many to use next, at most so many."""
        counts = levels(most)
        if 1 not in self.seconds or self.seconds[1] < self.least:
            return 1
        choice = self._choice(counts)
        self._trial = self._next_trial(counts, choice)
        return choice if self._trial is None else self._trial

    def _choice(self, counts: Sequence[int]) -> int:
        """Return the fewest threads that nothing beats by much."""
        choice = counts[0]
        for count in counts[1:]:
            if self.seconds.get(count, 1e9) < BETTER * self.seconds[choice]:
                choice = count
        return choice

    def _next_trial(self, counts: Sequence[int], choice: int) -> int | None:
        """Return a count to try although another one is faster, as far as is known."""
        at = counts.index(choice)
        above = counts[at + 1] if at + 1 < len(counts) else None
        if above is not None and above not in self.seconds:
            return above
        if self._left > 0:
            return None
        if at and self.seconds[choice] > WORSE * self.best[choice]:
            return counts[at - 1]
        return above

    def steps(self, left: int) -> int:
        """Return how many steps to make before the next decision."""
        if not self._first:
            return min(1, left)
        one = min(self.seconds.values(), default=self._first)
        span = FIRST if self._trial is not None or len(self.seconds) < 2 else STRETCH
        return min(left, max(1, int(span / max(one, 1e-9))))

    def note(self, threads: int, seconds: float, steps: int) -> None:
        """Take the time of some steps; that of the very first is no measure."""
        if steps < 1:
            return
        each = seconds / steps
        if not self._first:
            self._first = each
            return
        old = self.seconds.get(threads, each)
        weight = min(1.0, seconds / FIRST)
        self.seconds[threads] = old + (each - old) * weight
        self.best[threads] = min(self.best.get(threads, each), each)
        self._count(threads)

    def _count(self, threads: int) -> None:
        """Note how a trial went: one in vain is not repeated soon."""
        self._left -= 1
        if self._trial is None or threads != self._trial:
            return
        won = min(self.seconds, key=self.seconds.__getitem__) == threads
        self._interval = FEWEST if won else min(self._interval * 2, MOST)
        self._left = self._interval
        self._trial = None
