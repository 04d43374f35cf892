"""A table of words (any bytes), each with a number: made, searched, grown.

A table is seven int64 that Python lays out (`SLOTS` to `NOTES`), then 2 ** k slots of
four, searched from a word's hash on::

    up to 15 bytes   bytes 0-7   bytes 8-14, size   number   1
    more             hash        -size              number   address of the bytes

so that one cache line tells all of most words. An empty slot has a 0 at the end. Where
words are counted by rows as well, `NOTES` has two int64 for each slot: the number of
rows, and the last of them.

A word may be followed by anything: up to 7 bytes behind it are read, none are used.
"""

from graphkeras.kernels.cpu.memory import (
    fold,
    load,
    load_byte,
    prefetch,
    shifted,
    store,
    store_byte,
)
from graphkeras.kernels.jit import inner

# Places in a table, and in a slot.
SLOTS, MASK, SEED, USED, MOST, FILLED, ROOM, NOTES = range(0, 64, 8)
LOW, HIGH, NUMBER, PLACE = range(0, 32, 8)
SLOT = 32
SHORT = 15
FACTOR = -7046029254386353131  # 2**64 / the golden ratio, odd


@inner
def first(address: int, count: int) -> int:
    """Return the first 0 to 8 bytes at an address as a word."""
    return 0 if count <= 0 else load(address) & shifted(-1, 64 - 8 * min(count, 8))


@inner
def mark_of(key: int, size: int, seed: int) -> tuple[int, int]:
    """Return the first two words of key[size]'s slot."""
    if size <= SHORT:
        return first(key, size), first(key + 8, size - 8) | size << 56
    found = seed
    whole = key + (size & ~7)
    while key < whole:
        found = fold(found ^ load(key), FACTOR)
        key += 8
    return fold(found ^ first(key, size & 7), FACTOR), -size


@inner
def same(a: int, b: int, size: int) -> bool:
    """Whether a[size] and b[size] are equal."""
    whole = a + (size & ~7)
    while a < whole:
        if load(a) != load(b):
            return False
        a += 8
        b += 8
    return first(a, size & 7) == first(b, size & 7)


@inner
def nearest(table: int, low: int, high: int) -> int:
    """Return the slot at which the search for a mark begins."""
    code = fold(fold(low ^ load(table + SEED), FACTOR) ^ high, FACTOR)
    return load(table + SLOTS) + SLOT * (code & load(table + MASK))


@inner
def slot_from(table: int, slot: int, low: int, high: int, key: int) -> int:
    """Return the slot of the word of a mark, or the empty one where it belongs."""
    last = load(table + SLOTS) + SLOT * load(table + MASK)
    while True:
        place = load(slot + PLACE)
        if place == 0:
            return slot
        alike = load(slot + LOW) == low and load(slot + HIGH) == high
        if alike and (high >= 0 or same(place, key, -high)):
            return slot
        slot = load(table + SLOTS) if slot == last else slot + SLOT


@inner
def prepare(table: int, key: int, size: int, work: int) -> None:
    """Write what `taken` and `found` need to know of key[size]: four words.

    The memory that they will read is on its way, as long as they do other things.
    """
    low, high = mark_of(key, size, load(table + SEED))
    slot = nearest(table, low, high)
    prefetch(slot)
    store(work, low)
    store(work + 8, high)
    store(work + 16, slot)
    store(work + 24, key)


@inner
def found(table: int, work: int, unknown: int) -> int:
    """Return the number of a prepared key, or `unknown`."""
    low, high, key = load(work), load(work + 8), load(work + 24)
    slot = slot_from(table, load(work + 16), low, high, key)
    return unknown if load(slot + PLACE) == 0 else load(slot + NUMBER)


@inner
def taken(table: int, work: int) -> int:
    """Return the slot of a prepared key, a new one with number 0 if there is none.

    There must be room for it.
    """
    low, high, key = load(work), load(work + 8), load(work + 24)
    slot = slot_from(table, load(work + 16), low, high, key)
    if load(slot + PLACE) == 0:
        place = 1
        if high < 0:
            place = load(table + FILLED)
            copy(key, -high, place)
            store(table + FILLED, place - high)
        store(slot + LOW, low)
        store(slot + HIGH, high)
        store(slot + NUMBER, 0)
        store(slot + PLACE, place)
        store(table + USED, load(table + USED) + 1)
    return slot


@inner
def slot_for(table: int, key: int, size: int, work: int) -> int:
    """Return the slot of key[size], taken if there is none; `work` has four words."""
    prepare(table, key, size, work)
    return taken(table, work)


@inner
def has_room(table: int, size: int) -> bool:
    """Whether one more word of `size` bytes fits."""
    place = load(table + FILLED) + size + 8
    return load(table + USED) < load(table + MOST) and place <= load(table + ROOM)


@inner
def copy(source: int, size: int, target: int) -> None:
    """Copy bytes one by one, from the first to the last."""
    for i in range(size):
        store_byte(target + i, load_byte(source + i))


@inner
def notes_of(table: int, slot: int) -> int:
    """Return where the notes of a slot are."""
    return load(table + NOTES) + shifted(slot - load(table + SLOTS), 1)


def add(table: int, views: int, numbers: int, count: int, work: int) -> int:
    """views[count], numbers[count], work[4] -> table: each word with its number."""
    for i in range(count):
        place, size = load(table + FILLED), load(views + 16 * i + 8)
        copy(load(views + 16 * i), size, place)  # behind it there must be memory
        store(slot_for(table, place, size, work) + NUMBER, load(numbers + 8 * i))
    return 0


def merge(old: int, table: int, work: int) -> int:
    """old, work[4] -> table: its words, their numbers and notes added to those."""
    slot = load(old + SLOTS)
    for _ in range(load(old + MASK) + 1):
        place, high = load(slot + PLACE), load(slot + HIGH)
        if place != 0:
            key = place if high < 0 else slot
            size = -high if high < 0 else shifted(high, 56)
            new = slot_for(table, key, size, work)
            store(new + NUMBER, load(new + NUMBER) + load(slot + NUMBER))
            if load(table + NOTES) != 0:
                ours, theirs = notes_of(table, new), notes_of(old, slot)
                store(ours, load(ours) + load(theirs))
                store(ours + 8, load(theirs + 8))
        slot += SLOT
    return 0


def heads(table: int, places: int, count: int, out: int) -> int:
    """table, places[count] -> out[count, 2]: what decides the order of these words.

    That is, as two numbers that begin with their highest byte, the first 15 bytes and
    the size; or 255, where there are more: of equal beginnings the longer is larger.
    """
    for i in range(count):
        slot = load(table + SLOTS) + SLOT * load(places + 8 * i)
        place, target = load(slot + PLACE), out + 16 * i
        store(target, load(slot + LOW))
        store(target + 8, load(slot + HIGH))
        if load(slot + HIGH) < 0:
            copy(place, SHORT, target)
            store_byte(target + SHORT, 255)
    return 0


def write(table: int, places: int, count: int, separator: int, out: int) -> int:
    """table, places[count] -> out: the words in these slots, a separator behind each.

    Returns how many bytes that are.
    """
    begin = out
    for i in range(count):
        slot = load(table + SLOTS) + SLOT * load(places + 8 * i)
        high = load(slot + HIGH)
        key = load(slot + PLACE) if high < 0 else slot
        size = -high if high < 0 else shifted(high, 56)
        copy(key, size, out)
        store_byte(out + size, separator)
        out += size + 1
    return out - begin


@inner
def place_of(slots: int, mask: int, wanted: int) -> int:
    """Return the slot of an integer, or the empty one where it belongs."""
    at = fold(wanted ^ FACTOR, FACTOR) & mask
    while True:
        slot = slots + 24 * at
        if load(slot) == 0 or load(slot + 8) == wanted:
            return slot
        at = (at + 1) & mask


def find_integers(slots: int, mask: int, numbers: int, count: int, out: int) -> int:
    """slots, numbers[count] -> out[count]: the value of each, if there is one.

    Slots are triples: whether it is taken, the number, its value.
    """
    for i in range(count):
        slot = place_of(slots, mask, load(numbers + 8 * i))
        if load(slot) != 0:
            store(out + 8 * i, load(slot + 16))
    return 0


def add_integers(slots: int, mask: int, numbers: int, values: int, count: int) -> int:
    """numbers[count], values[count] -> slots: each number with its value."""
    for i in range(count):
        wanted = load(numbers + 8 * i)
        slot = place_of(slots, mask, wanted)
        store(slot, 1)
        store(slot + 8, wanted)
        store(slot + 16, load(values + 8 * i))
    return 0
