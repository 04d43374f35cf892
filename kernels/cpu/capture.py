"""Turn a function that uses values of its caller into one that is passed them."""

from collections.abc import Callable

from llvmlite import ir
from llvmlite.ir import instructions


def capture(function: ir.Function) -> list[ir.Value]:
    """Give `function` an argument for each foreign value it uses; return those values.

    llvmlite fixes the arguments when a function is made, before its body is known;
    it reads them again only when it prints, so they may be added until then.
    """
    found: dict[int, tuple[ir.Value, ir.Value]] = {}

    def inside(value: ir.Value) -> ir.Value:
        if not _is_foreign(value, function):
            return value
        if id(value) not in found:
            found[id(value)] = (value, ir.Argument(function, value.type))
        return found[id(value)][1]

    for block in function.blocks:
        for instruction in block.instructions:
            _rewire(instruction, inside)
    outside = [pair[0] for pair in found.values()]
    function.args = tuple(pair[1] for pair in found.values())
    kind = ir.FunctionType(function.ftype.return_type, [v.type for v in outside])
    function.ftype, function.type = kind, kind.as_pointer()
    return outside


def _is_foreign(value: ir.Value, function: ir.Function) -> bool:
    """Whether a value belongs to some other function."""
    if type(value) is ir.Constant:  # most are
        return False
    if isinstance(value, instructions.Instruction):
        return value.parent.parent is not function
    return isinstance(value, ir.Argument) and value.parent is not function


def _rewire(
    instruction: instructions.Instruction, inside: Callable[[ir.Value], ir.Value]
) -> None:
    """Pass every operand through `inside`."""
    if isinstance(instruction, instructions.PhiInstr):
        instruction.incomings = [(inside(v), b) for v, b in instruction.incomings]
        return
    operands = [inside(operand) for operand in instruction.operands]
    if operands == instruction.operands:
        return
    instruction.operands = operands
    if isinstance(instruction, instructions.GEPInstr):
        instruction.pointer, *instruction.indices = instruction.operands
    instruction._clear_string_cache()
