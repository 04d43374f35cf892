"""Graph values -> ONNX nodes, by the rule that stands with each op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphkeras.errors import ExportError, message
from graphkeras.export.builder import Builder, NoKernel, Ref
from graphkeras.ir.definers import expand_call
from graphkeras.ir.interpret import host_first
from graphkeras.ir.op import CONSTANT, DIM, ITEM, Word, inline
from graphkeras.ir.value import Graph, Value

Refs = Ref | tuple[Ref, ...]


class Emitter(Builder):
    """A builder that also knows which graph value became which ONNX value."""

    def inline(self, graph: Graph, *refs: Ref) -> tuple[Ref, ...]:
        """Add a closed graph here, on these values for its inputs; return its outputs.

        For the rules of ops that hold graphs: conditions, loops and scans.
        """
        known: dict[Value, Refs] = dict(zip(graph.inputs, refs, strict=True))
        return self.emit(graph.outputs, known)

    def emit(self, roots: Sequence[Value], known: dict[Value, Refs]) -> tuple[Ref, ...]:
        """Add what `roots` need beyond the `known` values; return their names."""
        for value in host_first(roots, stop=frozenset(known)):
            known[value] = self._emit_one(value, known)
        return tuple(known[root] for root in roots)  # type: ignore[misc]

    def _emit_one(self, value: Value, known: dict[Value, Refs]) -> Refs:
        if value.op is CONSTANT:
            return self.constant(value.data.array)
        if value.op is DIM:
            return self.size(value.size, value.dtype)
        if value.op is ITEM:
            return known[value.inputs[0]][value.index]
        kept, self.who = self.who, _who(value)
        with self.at(value.origin.path if value.origin else self._path):
            refs = self._by_rule(value, known)
        self.who = kept
        self._note(value, refs)
        return refs

    def _by_rule(self, value: Value, known: dict[Value, Refs]) -> Refs:
        rule = value.op.onnx
        operands: list[Any] = [known[i] for i in value.inputs]
        if isinstance(rule, Word) and rule is not inline:
            raise ExportError(_unsupported(value, rule))
        refs = None if rule is inline else self._apply(rule, value, operands)
        if refs is None:  # no rule, or the rule passes: the body of the composite
            return self._expanded(value, known)
        return refs if isinstance(refs, str) else tuple(refs)

    def _apply(self, rule: Any, value: Value, operands: list[Any]) -> Any:
        """Return what a rule adds, None if it leaves the op to its body."""
        try:
            if isinstance(rule, str):
                return self.node(rule, *operands)
            return rule(self, value, *operands)
        except NoKernel as error:
            if value.op.family != "composite":
                self.refuse(str(error), "Cast to float32 or int32 before it.")
            return None

    def _expanded(self, value: Value, known: dict[Value, Refs]) -> Refs:
        if value.op.family != "composite":
            self.refuse(
                f"{value.op.name} of {', '.join(str(i.type) for i in value.inputs)}"
            )
        result = expand_call(value.op, value.inputs, value.attributes)
        if isinstance(result, tuple):
            return self.emit(result, known)
        return self.emit([result], known)[0]

    def _note(self, value: Value, refs: Refs) -> None:
        names = refs if isinstance(refs, tuple) else (refs,)
        types = value.type if isinstance(value.type, tuple) else (value.type,)
        for name, type_ in zip(names, types, strict=True):
            if self.type(name) is None:
                self.note_type(name, type_)


def _who(value: Value) -> str:
    path = value.origin.path if value.origin else ""
    return f"{path}: {value.op.name}" if path else value.op.name


_REMEDY = "Export a model that ends before this op, or use an op that has an ONNX rule."


def _unsupported(value: Value, word: Word) -> str:
    where = f" (at {value.origin.location})" if value.origin else ""
    return message(
        _who(value),
        f"expected an op that ONNX can express: {word.reason or word.name}.",
        f"{value!r}{where}",
        word.remedy or _REMEDY,
    )
