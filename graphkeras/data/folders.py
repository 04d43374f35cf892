"""Files in folders, one folder a class: which there are, and their labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphkeras import config
from graphkeras.data.dataset import AUTOTUNE, Dataset
from graphkeras.errors import ArgumentError, DataError, MissingFileError, message

_SEEDS = 1_000_000  # as many different orders as Keras has, when no seed is given


@dataclass(frozen=True, slots=True)
class Files:
    """Files with their classes.

    Attributes:
        paths: the files.
        labels: the number of each one's class; None where there are no labels.
        class_names: names of the classes by number.
    """

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None

    def part(self, which: slice) -> Files:
        """Return some of the files."""
        labels = None if self.labels is None else self.labels[which]
        return replace(self, paths=self.paths[which], labels=labels)

    def shuffled(self, seed: int) -> Files:
        """Return the files in the order that Keras gives them for a seed."""
        order = list(range(len(self.paths)))
        np.random.RandomState(seed).shuffle(order)
        labels = None if self.labels is None else self.labels[order]
        return replace(self, paths=[self.paths[i] for i in order], labels=labels)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a user asked a folder for.

    Attributes:
        who: the public function.
        directory: where to look.
        formats: endings of files, in lower case.
        labels: "inferred" from the folders, a list, or None.
        label_mode: "int", "categorical", "binary", or None.
        class_names: names of the folders to take, in the order of their numbers.
        shuffle: whether files change places.
        seed: decides how.
        validation_split: part of the files to keep for validation.
        subset: "training", "validation" or "both" of them.
        follow_links: whether folders that are links are entered.
        verbose: whether to print what was found.
        batch_size: elements in a batch, None for none.
    """

    who: str
    directory: str
    formats: tuple[str, ...]
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool
    batch_size: int | None

    def checked(self) -> Plan:
        """Return the plan with what follows from it settled.

        Raises:
            ArgumentError: for arguments outside their values, or against each other.
        """
        self._check_labels()
        self._check_subset()
        if self.batch_size is not None and self.batch_size < 1:
            raise ArgumentError(
                message(self.who, "batch_size must be at least 1, or None.",
                        str(self.batch_size))
            )  # fmt: skip
        none = self.labels is None or self.label_mode is None
        seed = config.draw_seed() % _SEEDS if self.seed is None else self.seed
        labels, mode = (None, None) if none else (self.labels, self.label_mode)
        return replace(self, labels=labels, label_mode=mode, seed=seed)

    def _check_labels(self) -> None:
        modes = ("int", "categorical", "binary", None)
        if self.label_mode not in modes:
            raise ArgumentError(
                message(self.who, f"label_mode must be one of {modes}.",
                        f"label_mode={self.label_mode!r}")
            )  # fmt: skip
        listed = isinstance(self.labels, (list, tuple))
        if not listed and (self.labels is not None and self.labels != "inferred"):
            raise ArgumentError(
                message(
                    self.who, 'labels must be "inferred", None, or a list with the'
                    " class of each file.", f"labels={self.labels!r:.60}",
                )
            )  # fmt: skip
        unnamed = listed or self.labels is None or self.label_mode is None
        if self.class_names and unnamed:
            raise ArgumentError(
                message(
                    self.who, 'class_names goes with labels="inferred" only.',
                    f"class_names={self.class_names}",
                    "The names are the sorted labels where labels are given; without"
                    " labels there are none.",
                )
            )  # fmt: skip

    def _check_subset(self) -> None:
        split, subset = self.validation_split, self.subset
        if split and not 0 < split < 1:
            raise ArgumentError(
                message(self.who, "validation_split must be between 0 and 1.",
                        str(split))
            )  # fmt: skip
        if subset not in ("training", "validation", "both", None):
            raise ArgumentError(
                message(
                    self.who, 'subset must be "training", "validation" or "both".',
                    f"subset={subset!r}",
                )
            )  # fmt: skip
        if bool(split) != bool(subset):
            raise ArgumentError(
                message(
                    self.who, "validation_split and subset go together.",
                    f"validation_split={split}, subset={subset!r}", "Give both.",
                )
            )  # fmt: skip
        if split and self.shuffle and self.seed is None:
            raise ArgumentError(
                message(
                    self.who, "a shuffled split needs a seed.", "seed=None",
                    "Give the same seed to both subsets, so that they share no file.",
                )
            )  # fmt: skip

    # ---------------------------------------------------------------------- files

    def files(self) -> Files:
        """Return all files, in the order of their names or shuffled.

        Raises:
            DataError: for a folder that does not exist, or does not fit the labels.
        """
        if not os.path.isdir(self.directory):
            raise MissingFileError(
                message(self.who, "expected a folder.", f"{self.directory}",
                        f"Files are looked for below {os.path.abspath('.')}.")
            )  # fmt: skip
        files = self._inferred() if self.labels == "inferred" else self._listed()
        if self.label_mode == "binary" and len(files.class_names or ()) != 2:
            raise ArgumentError(
                message(
                    self.who, 'label_mode="binary" is for two classes.',
                    f"{files.class_names}", 'Use "int" or "categorical".',
                )
            )  # fmt: skip
        if self.verbose:
            classes = f" belonging to {len(files.class_names or ())} classes"
            print(f"Found {len(files.paths)} files"
                  f"{'' if files.labels is None else classes}.")  # fmt: skip
        return files.shuffled(self.seed or 0) if self.shuffle else files

    def _inferred(self) -> Files:
        entries = sorted(os.listdir(self.directory))
        folders = [
            name for name in entries if not name.startswith(".")
            and os.path.isdir(os.path.join(self.directory, name))
        ]  # fmt: skip
        names = list(self.class_names or folders)
        unknown = sorted(set(names) - set(folders))
        if unknown:
            raise ArgumentError(
                message(
                    self.who, f"class_names must be among the folders {folders}.",
                    f"class_names={names}", f"There is no folder {unknown[0]!r}.",
                )
            )  # fmt: skip
        found = [
            (path, number) for number, name in enumerate(names)
            for path in self._below(os.path.join(self.directory, name))
        ]  # fmt: skip
        labels = np.array([number for _, number in found], np.int32)
        return Files([path for path, _ in found], labels, names)

    def _listed(self) -> Files:
        paths = list(self._below(self.directory))
        if self.labels is None:
            return Files(paths, None, None)
        if len(self.labels) != len(paths):
            raise ArgumentError(
                message(
                    self.who, "expected one label for each file.",
                    f"{len(self.labels)} labels, {len(paths)} files in"
                    f" {self.directory}",
                    "Labels are in the order of the files' sorted paths.",
                )
            )  # fmt: skip
        names = [str(label) for label in sorted(set(self.labels))]
        return Files(paths, np.asarray(self.labels, np.int32), names)

    def _below(self, folder: str) -> Iterator[str]:
        walk = os.walk(folder, followlinks=self.follow_links)
        for place, _, names in sorted(walk, key=lambda found: found[0]):
            for name in sorted(names):
                if name.lower().endswith(self.formats):
                    yield os.path.join(place, name)

    # ------------------------------------------------------------------- data sets

    def datasets(self, load: Any, pad: bool = False) -> list[Dataset]:
        """Return the data sets of the subset asked for: one, or both.

        Args:
            load: makes an array of a path.
            pad: whether arrays of a batch may differ in size.
        """
        files = self.files()
        if not self.subset:
            return [self._dataset(files, load, pad, "")]
        held = int((self.validation_split or 0) * len(files.paths))
        at = len(files.paths) - held
        parts = {"training": slice(at), "validation": slice(at, None)}
        wanted = parts if self.subset == "both" else (self.subset,)
        return [self._dataset(files.part(parts[p]), load, pad, p) for p in wanted]

    def _dataset(self, files: Files, load: Any, pad: bool, part: str) -> Dataset:
        if self.verbose and part:
            print(f"Using {len(files.paths)} files for {part}.")
        if not files.paths:
            raise DataError(
                message(
                    self.who, f"expected files for {part}." if part else
                    "expected files.", f"none in {self.directory}",
                    f"They must end in {', '.join(self.formats)}.",
                )
            )  # fmt: skip
        paths = np.asarray(files.paths, object)
        labels = self._encoded(files)
        rows = Dataset.from_tensor_slices(paths if labels is None else (paths, labels))
        if self.shuffle and (part != "validation" or self.subset != "both"):
            rows = rows.shuffle((self.batch_size or 128) * 8, self.seed)

        def element(path: Any, *label: Any) -> Any:
            array = load(str(path.numpy()))
            return (array, *label) if label else array

        dataset = rows.map(element, AUTOTUNE)
        if self.batch_size is not None:
            batch = dataset.padded_batch if pad else dataset.batch
            dataset = batch(self.batch_size)
        dataset = dataset.prefetch(AUTOTUNE)
        dataset.class_names, dataset.file_paths = files.class_names, files.paths
        return dataset

    def _encoded(self, files: Files) -> np.ndarray | None:
        if files.labels is None or self.label_mode == "int":
            return files.labels
        if self.label_mode == "binary":
            return files.labels.astype(np.float32)[:, None]
        count = len(files.class_names or ())
        known = (files.labels >= 0) & (files.labels < count)
        rows = np.zeros((len(files.labels), count), np.float32)
        rows[np.flatnonzero(known), files.labels[known]] = 1
        return rows
