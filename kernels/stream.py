"""A module whose finished functions are passed on as text, part by part, and forgotten.

So they can be compiled while others are still being written, and take no more memory.
"""

import re
from collections.abc import Callable

from llvmlite import ir

PART = 250_000  # characters of text: some hundredths of a second of LLVM's time
NAMES = re.compile(r'@"([^"]+)"')


class Stream(ir.Module):  # type: ignore[misc]  # llvmlite has no types
    """A module that gives away its functions.

    Args:
        triple: of the machine it is for.
        take: is given the text of each part, a module of its own.
    """

    def __init__(self, name: str, triple: str, take: Callable[[str], None]) -> None:
        super().__init__(name)
        self.triple, self._take = triple, take
        self._written: list[ir.Function] = []
        self._texts: dict[str, str] = {}  # of functions, by name
        self._size = 0

    def add_global(self, globalvalue: ir.GlobalValue) -> None:
        """Note a function; llvmlite calls this."""
        super().add_global(globalvalue)
        self._written.append(globalvalue)

    def pass_on(self, unfinished: ir.Function) -> None:
        """Give away every function but the one that is still being written.

        Parts are of some size: what is too little waits for more.
        """
        self._collect(unfinished)
        if self._size > PART:
            self._take(self._part())

    def finish(self) -> str:
        """Return what is left as the last part."""
        self._collect()
        return self._part()

    def _collect(self, unfinished: ir.Function | None = None) -> None:
        for function in self._written:
            if function.blocks and function is not unfinished:
                function.linkage = ""  # other parts may call it
                text = self._texts[function.name] = str(function)
                self._size += len(text)
                function.blocks = []  # from now on it is only declared here
        self._written = [unfinished] if unfinished else []

    def _part(self) -> str:
        body = "\n".join(self._texts.values())
        named = dict.fromkeys(NAMES.findall(body))
        declared = (str(self.globals[n]) for n in named if n not in self._texts)
        text = f'target triple = "{self.triple}"\n{"".join(declared)}{body}'
        self._texts.clear()
        self._size = 0
        return text
