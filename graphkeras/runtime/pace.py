"""How many threads a program runs on: what proved fastest, and is tried now and then.

Results do not depend on it, so it may change from one stretch of an epoch to the next.
Everything is measured, nothing guessed: a program too small for two threads, a busy
core or a shared one all show as time. A trial in vain is the more seldom repeated the
more time it took, and is given up as soon as it goes badly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from statistics import median_low

TRIAL, STRETCH = 0.004, 0.030  # seconds: of a trial, and between two decisions
PROBES = 4  # part of a trial by which threads awake
BETTER = 0.97  # more threads must save that much
BAD = 1.5  # times as slow as the best: no need to go on
SLEEPY = 4.0  # ... or rather no measure: threads awoke
LAST = 3  # stretches by which a count is judged
HICCUP = 4.0  # times the usual: somebody else had the core
WORSE = 1.2  # times the best of this count: something has changed
SOON, LATE = 0.1, 2.0  # seconds between two trials, while they fail
RARELY = 5e-4  # a step: of shorter ones, as many trials a step
LOSS = 0.02  # of all time may be lost by trials
CALLS = 16  # the fewest that settle anything
UNTOLD = 7  # calls after each that is told, as long as all is as it was
WAKING = 3e-4  # seconds that it may take until threads are awake
SMALL = 0.7  # of the least that is worth it: surely too small


@cache
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
        least: seconds of a step on one thread below which there are no others.
        settled: that the program is far below, and need not be told of any more.
        seconds: of a step, by the number of threads, lately.
        latest: the number of threads that was noted last.
    """

    def __init__(self, least: float) -> None:
        self.least, self.settled = least, False
        self.seconds: dict[int, float] = {}
        self.best: dict[int, float] = {}
        self._recent: dict[int, list[float]] = {}  # of the last whole stretches
        self.latest = 1
        self._notes = 0
        self._first = 0.0  # seconds of the very first: they say how long at most
        self._interval = self._left = SOON  # between two trials; till the next
        self._counts: Sequence[int] = (1,)
        self._most = 0
        self._trusted = self._untold = 0  # calls that need not be told; that were not
        self._trial: int | None = None
        self._begun: set[int] = set()  # counts that have been tried at all
        self._tried: list[tuple[float, int]] = []  # seconds and steps of the trial
        self._awake = 0.0  # seconds of the call by which its threads awoke
        self._adopted: int | None = None  # by a trial, not proved yet
        self._first_try = 0.0  # seconds of a step in the first half of the trial

    def threads(self, most: int) -> int:
        """Return how many to use next, at most so many."""
        self._counts, self._most = levels(most), most
        if 1 not in self.seconds or self.seconds[1] < self.least:
            return 1
        choice = self._choice()
        if self._trial not in self._counts:
            self._trial = self._next_trial(choice)
        return choice if self._trial is None else self._trial

    def trusts(self, most: int) -> bool:
        """Whether the next call may use `latest` threads, and not be told of.

        To take the time of microseconds takes some of them.
        """
        if not self._trusted or most != self._most:
            return False
        self._trusted -= 1
        self._untold += 1
        return True

    def _choice(self) -> int:
        """Return the fewest threads that nothing beats by much."""
        choice = 1
        for count in self._counts:
            seconds = self.seconds.get(count, 1e9)
            if seconds < BETTER * self.seconds.get(choice, seconds):
                choice = count
        return choice

    def _next_trial(self, choice: int) -> int | None:
        """Return a count to try although another one is faster, as far as is known."""
        if self._left > 0 and len(self.seconds) == len(self._counts):
            return None
        at = self._counts.index(choice)
        above = self._counts[at + 1] if at + 1 < len(self._counts) else None
        if above is not None and above not in self.seconds:
            return above
        if self._left > 0:
            return None
        if at and self.seconds[choice] > WORSE * self.best[choice]:
            return self._counts[at - 1]
        return above

    def steps(self, left: int) -> int:
        """Return how many steps to make before the next decision."""
        if not self._first:
            return min(1, left)
        span = STRETCH
        if self._trial is not None:
            span = TRIAL if self._awake else TRIAL / PROBES
        elif not self.seconds:
            span = TRIAL
        one = min(self.seconds.values(), default=self._first)
        return min(left, max(1, int(span / max(one, 1e-9))))

    def note(self, threads: int, seconds: float, steps: int) -> None:
        """Take the time of some steps; that of the very first is no measure."""
        if steps < 1:
            return
        self.latest = threads
        if not self._first:
            self._first = seconds / steps
        elif threads == self._trial:
            self._note_trial(threads, seconds, steps)
        else:  # if the other threads were not free, the trial is off
            self._note_usual(threads, seconds, steps)

    def _note_usual(self, threads: int, seconds: float, steps: int) -> None:
        """Take the time of what is no trial, and of the calls that were not told."""
        like = 1 + self._untold
        self._end_trial()
        self._left -= seconds * like
        each = seconds / steps
        if threads == 1:  # what is more is others' time, as it would be with two
            each = min(each, HICCUP * self.seconds.get(1, each))
        before = self._choice()
        self._take(threads, each, min(1.0, each * steps * like / TRIAL))
        if self._choice() < before == threads:  # it was tried too soon
            self._wait(seconds - steps * self.seconds[self._choice()], each)
        elif threads == self._adopted and len(self._recent.get(threads, ())) == LAST:
            self._interval, self._adopted = SOON, None
        usual = each < BAD * self.seconds[threads] and self._notes > CALLS
        self._trusted = UNTOLD if steps == 1 and each < RARELY and usual else 0
        self._untold = 0

    def _note_trial(self, threads: int, seconds: float, steps: int) -> None:
        """End a trial that was long enough, or goes badly.

        The first steps of a count are no measure: threads begin, memory is new. Nor is
        a short first call of a trial: they may have slept.
        """
        best = min(self.seconds.values())
        begun, each = threads in self._begun, seconds / steps
        self._begun.add(threads)
        slept = not self._awake and seconds < TRIAL / 2
        if slept and (each < SLEEPY * best or seconds - best < WAKING):
            self._awake = seconds if begun else 0.0
            return
        if not begun:
            return
        self._tried.append((seconds, steps))
        total = sum(seconds for seconds, _ in self._tried)
        made = sum(steps for _, steps in self._tried)
        each = total / made
        if each < BAD * best and total < TRIAL / 2 and made < CALLS:
            return
        first, self._first_try = self._first_try, each
        if not first and BETTER * best < each < BAD * best:
            self._tried = []  # once more: somebody else may have had a core
            return
        lost = total - made * best + self._awake
        self._recent.pop(threads, None)
        self._take(threads, min(each, first or each), 1.0)
        self._end_trial()
        if self._choice() == threads:
            self._left, self._adopted = SOON, threads
        else:
            self._wait(lost, each)

    def _end_trial(self) -> None:
        self._trial, self._tried, self._awake, self._first_try = None, [], 0.0, 0.0

    def _wait(self, lost: float, each: float) -> None:
        """Wait for the next trial, the longer the more often they fail."""
        wait = self._interval * min(1.0, each / RARELY)
        self._left = max(wait, lost / LOSS)
        self._interval = min(2 * self._interval, LATE)

    def _take(self, threads: int, each: float, weight: float) -> None:
        """Move what is known of a count towards what was measured.

        Of whole stretches on several threads the middle one of the last three counts:
        somebody else may have had a core in one of them.
        """
        if weight < 1:
            old = min(self.seconds.get(threads, each), HICCUP * each)
            self.seconds[threads] = old + (each - old) * weight
        else:
            last = [*self._recent.get(threads, ()), each][-LAST:]
            self._recent[threads] = last
            self.seconds[threads] = each if threads == 1 else median_low(last)
        self.best[threads] = min(self.best.get(threads, each), each)
        self._notes += 1
        alone = self.seconds.get(1, self.least)
        self.settled = self._notes >= CALLS and alone < SMALL * self.least
