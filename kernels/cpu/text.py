"""Texts, as bytes of UTF-8: cleaned, cut into tokens, counted and looked up.

Texts come as views: pairs of int64, the address of the first byte and the number of
bytes. A row is one text that is cut into tokens, or a number of texts that are tokens.

What happens to a byte stands in `classes`, 512 bytes: what it becomes, then for each
byte again whether it is kept, deleted, or ends a word. The tokens of a row are written
one behind the other with a blank between, so that an n-gram is a stretch of them::

    scratch   t h e   c a t   s a t
    bounds         ^       ^       ^
"""

from graphkeras.kernels.cpu.memory import (
    call,
    load,
    load_byte,
    load_half,
    shifted,
    store,
    store_byte,
    total,
    zeros,
)
from graphkeras.kernels.cpu.words import (
    NOTES,
    NUMBER,
    found,
    has_room,
    notes_of,
    prepare,
    taken,
)
from graphkeras.kernels.jit import inner

KEPT, DELETED, SEPARATOR = 0, 1, 2  # kinds of bytes
WORDS, CHARACTERS, WHOLE = 0, 1, 2  # ways to cut
BLANK = 32
LOW_BITS, HIGH_BITS = 0x7F7F7F7F7F7F7F7F, -0x7F7F7F7F7F7F7F80
FROM_A, BEYOND_Z = 0x1F1F1F1F1F1F1F1F, 0x0505050505050505  # up to 0x80
AHEAD = 32  # n-grams whose slots are fetched before they are looked at
REPLACEMENT = (0xEF, 0xBF, 0xBD)  # U+FFFD, for what is no UTF-8

# --------------------------------------------------------------------- texts to views


def view_objects(
    objects: int, count: int, views: int, as_text: int, text_of_bytes: int,
    size_of_bytes: int, clear: int,
) -> int:  # fmt: skip
    """objects[count] -> views[count + 1]: str and bytes of Python, with its lock held.

    The addresses are of PyUnicode_AsUTF8AndSize, PyBytes_AsString, PyBytes_Size and
    PyErr_Clear. Returns the place of the first that is neither, or `count`.
    """
    for i in range(count):
        item, view = load(objects + 8 * i), views + 16 * i
        place = call(as_text, item, view + 8)
        if place == 0:
            call(clear, 0, 0)
            place = call(text_of_bytes, item, 0)
            if place == 0:
                call(clear, 0, 0)
                return i
            store(view + 8, call(size_of_bytes, item, 0))
        store(view, place)
    return measured(views, count)


@inner
def measured(views: int, count: int) -> int:
    """Write behind the views how many bytes there are in all, and in the longest."""
    whole, longest = 0, 0
    for i in range(count):
        size = load(views + 16 * i + 8)
        whole += size
        longest = max(longest, size)
    store(views + 16 * count, whole)
    store(views + 16 * count + 8, longest)
    return count


def encode_wide(source: int, width: int, count: int, views: int, target: int) -> int:
    """source[count, width] -> views[count + 1], target: UTF-32, zeros at the end cut.

    Returns the place of the first that has a half of a surrogate pair, or `count`.
    """
    for i in range(count):
        text, size = source + 4 * width * i, width
        while size > 0 and load_half(text + 4 * size - 4) == 0:
            size -= 1
        start = target
        for k in range(size):
            code = load_half(text + 4 * k)
            if 0xD800 <= code < 0xE000:
                return i
            target = encoded(code, target)
        store(views + 16 * i, start)
        store(views + 16 * i + 8, target - start)
    return measured(views, count)


@inner
def encoded(code: int, target: int) -> int:
    """Write a code point as UTF-8; return the address behind it."""
    if code < 0x80:
        store_byte(target, code)
        return target + 1
    size = 2 if code < 0x800 else 3 if code < 0x10000 else 4
    store_byte(target, (0xF00 >> size) & 0xFF | code >> 6 * (size - 1))
    for k in range(1, size):
        store_byte(target + k, 0x80 | code >> 6 * (size - 1 - k) & 0x3F)
    return target + size


# ------------------------------------------------------------------- texts to tokens


@inner
def plain_bytes(word: int) -> int:
    """Return how many of the first bytes of 8 are a-z or not ASCII: always kept."""
    low = word & LOW_BITS
    # In the high bit of each byte: from "a" on, but not beyond "z".
    letters = total(low, FROM_A) & ~total(low, BEYOND_Z)
    return shifted(zeros(~(letters | word) & HIGH_BITS), 3)


@inner
def cleaned(at: int, stop: int, classes: int, target: int) -> int:
    """Write a text as the classes say, whole; return the address behind it."""
    while at < stop:
        if at + 8 <= stop:
            word = load(at)
            store(target, word)
            count = plain_bytes(word)
            at += count
            target += count
            if count == 8:
                continue
        byte = load_byte(at)
        store_byte(target, load_byte(classes + byte))
        target += load_byte(classes + 256 + byte) == KEPT
        at += 1
    return target


@inner
def next_word(at: int, stop: int, classes: int, target: int) -> tuple[int, int]:
    """Write the next word; return the addresses behind it in the text and in memory."""
    kinds = classes + 256
    while at < stop and load_byte(kinds + load_byte(at)) != KEPT:
        at += 1
    while at < stop:
        if at + 8 <= stop:
            word = load(at)
            store(target, word)
            count = plain_bytes(word)
            at += count
            target += count
            if count == 8:
                continue
        byte = load_byte(at)
        kind = load_byte(kinds + byte)
        if kind == SEPARATOR:
            break
        store_byte(target, load_byte(classes + byte))
        target += kind == KEPT
        at += 1
    return at, target


@inner
def sequence_at(at: int, stop: int) -> tuple[int, bool]:
    """Return the bytes of the UTF-8 sequence at an address, and whether it is one.

    Of what is none, as many bytes as could have begun one (Unicode's chapter 3.9).
    """
    first = load_byte(at)
    if first < 0x80:
        return 1, True
    if first < 0xC2 or first > 0xF4:
        return 1, False
    size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    low = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
    high = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
    for k in range(1, size):
        if at + k >= stop or not low <= load_byte(at + k) <= high:
            return k, False
        low, high = 0x80, 0xBF
    return size, True


@inner
def next_character(at: int, stop: int, target: int) -> tuple[int, int]:
    """Write the next character; return the addresses behind it."""
    if at >= stop:
        return at, target
    size, good = sequence_at(at, stop)
    if not good:
        for k in range(3):
            store_byte(target + k, REPLACEMENT[k])
        return at + size, target + 3
    for k in range(size):
        store_byte(target + k, load_byte(at + k))
    return at + size, target + size


@inner
def tokens_of(
    views: int, group: int, split: int, classes: int, scratch: int, spare: int,
    bounds: int, most: int,
) -> int:  # fmt: skip
    """Write the first `most` tokens of a row; return how many there are."""
    count, target = 0, scratch
    for i in range(group):
        at = load(views + 16 * i)
        stop = at + load(views + 16 * i + 8)
        if split == CHARACTERS:
            at, stop = spare, cleaned(at, stop, classes, spare)
        while count < most:
            if split == WORDS:
                at, end = next_word(at, stop, classes, target)
            elif split == CHARACTERS:
                at, end = next_character(at, stop, target)
            else:
                end = cleaned(at, stop, classes, target)
            if end == target and split != WHOLE:
                break
            store(bounds + 8 * count, end)
            store_byte(end, BLANK)
            target = end + 1
            count += 1
            if split == WHOLE:
                break
    return count


@inner
def start_of(scratch: int, bounds: int, token: int) -> int:
    """Return where a token begins."""
    return scratch if token == 0 else load(bounds + 8 * token - 8) + 1


# ------------------------------------------------------------------ tokens to numbers


def look_up(
    views: int, rows: int, group: int, split: int, classes: int, ngrams: int,
    table: int, scratch: int, spare: int, bounds: int, work: int, most: int,
    unknown: int, width: int, out: int, counts: int,
) -> int:  # fmt: skip
    """views[rows * group] -> out, counts[rows]: numbers of the n-grams of each row.

    `ngrams` begins with how many sizes there are. At most `most` numbers a row are
    given; rows begin `width` numbers apart, or behind one another if it is 0. Returns
    the length of the longest.
    """
    begin, longest = out, 0
    needed = most + load(ngrams + 8) - 1
    for row in range(rows):
        count = tokens_of(
            views + 16 * group * row, group, split, classes, scratch, spare, bounds,
            needed,
        )  # fmt: skip
        out = begin + 8 * width * row if width > 0 else out
        done = find_ngrams(
            scratch, bounds, count, ngrams, table, work, most, unknown, out
        )
        store(counts + 8 * row, done)
        longest = max(longest, done)
        out += 8 * done
    return longest


@inner
def prepare_ngrams(
    scratch: int, bounds: int, token: int, size: int, count: int, table: int, work: int
) -> None:
    """Prepare the next `count` n-grams for the search in a table."""
    for i in range(count):
        start = start_of(scratch, bounds, token + i)
        end = load(bounds + 8 * (token + i + size - 1))
        prepare(table, start, end - start, work + 32 * i)


@inner
def find_ngrams(
    scratch: int, bounds: int, count: int, ngrams: int, table: int, work: int,
    most: int, unknown: int, out: int,
) -> int:  # fmt: skip
    """Write the numbers of the n-grams of some tokens; return how many there are."""
    done = 0
    for i in range(load(ngrams)):
        size = load(ngrams + 8 + 8 * i)
        stop = min(count - size + 1, most - done)
        for token in range(0, stop, AHEAD):
            block = min(AHEAD, stop - token)
            prepare_ngrams(scratch, bounds, token, size, block, table, work)
            for k in range(block):
                store(out + 8 * done, found(table, work + 32 * k, unknown))
                done += 1
    return done


def pad(
    numbers: int, counts: int, rows: int, width: int, padding: int, out: int
) -> int:
    """numbers, counts[rows] -> out[rows, width]: rows, made equally long."""
    for row in range(rows):
        count = load(counts + 8 * row)
        for k in range(count):
            store(out + 8 * k, load(numbers + 8 * k))
        for k in range(count, width):
            store(out + 8 * k, padding)
        numbers += 8 * count
        out += 8 * width
    return 0


def fill(counts: int, rows: int, width: int, padding: int, out: int) -> int:
    """counts[rows] -> out[rows, width]: `padding` behind what each row has."""
    for row in range(rows):
        for k in range(load(counts + 8 * row), width):
            store(out + 8 * (width * row + k), padding)
    return 0


# ---------------------------------------------------------------------------- counting


def count_ngrams(
    views: int, rows: int, group: int, split: int, classes: int, ngrams: int,
    table: int, scratch: int, spare: int, bounds: int, work: int, state: int,
) -> int:  # fmt: skip
    """views[rows * group] -> table: how often each n-gram is there, in how many rows.

    `state` is the row to go on with, how many of its n-grams are done, and the number
    of the first row. Returns 0, or for how many bytes the table has no room.
    """
    for row in range(load(state), rows):
        count = tokens_of(
            views + 16 * group * row, group, split, classes, scratch, spare, bounds,
            9223372036854775807,
        )  # fmt: skip
        lacking = add_ngrams(
            scratch, bounds, count, ngrams, table, work, state, load(state + 16) + row
        )
        if lacking > 0:
            store(state, row)
            return lacking
        store(state + 8, 0)
    return 0


@inner
def add_ngrams(
    scratch: int, bounds: int, count: int, ngrams: int, table: int, work: int,
    state: int, row: int,
) -> int:  # fmt: skip
    """Count the n-grams of a row that are not done; return the bytes that lack."""
    before = 0
    for i in range(load(ngrams)):
        size = load(ngrams + 8 + 8 * i)
        stop = max(count - size + 1, 0)
        for token in range(max(load(state + 8) - before, 0), stop, AHEAD):
            block = min(AHEAD, stop - token)
            prepare_ngrams(scratch, bounds, token, size, block, table, work)
            lacking = add_prepared(table, work, block, row, state)
            if lacking > 0:
                return lacking
        before += stop
    return 0


@inner
def add_prepared(table: int, work: int, count: int, row: int, state: int) -> int:
    """Count prepared n-grams; return the bytes that lack, or 0."""
    for k in range(count):
        high = load(work + 32 * k + 8)
        length = -high if high < 0 else 0
        if not has_room(table, length):
            return length + 8
        note(table, taken(table, work + 32 * k), row)
        store(state + 8, load(state + 8) + 1)
    return 0


@inner
def note(table: int, slot: int, row: int) -> None:
    """Count a word that was met in a row."""
    store(slot + NUMBER, load(slot + NUMBER) + 1)
    if load(table + NOTES) != 0:
        notes = notes_of(table, slot)
        if load(notes + 8) != row:
            store(notes, load(notes) + 1)
            store(notes + 8, row)
