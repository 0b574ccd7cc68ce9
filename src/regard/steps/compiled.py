"""Kernels: plain functions over arrays, compiled when they are first called and kept on disk.

Numba is imported by the first call, not by importing a module that holds kernels, so that commands which ask nothing
of the steps start as fast as before.
"""

from __future__ import annotations

import importlib
import threading
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

READ = ("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:u2", "r:b1", "r:b1")
"""What most kernels begin with: the parts of customers' steps, times, codes, and two masks; see `pieces.Piece.read`."""
_COMPILING = threading.RLock()


class Kernel:
    """A function compiled on its first call, for the types it is declared with.

    It may call other kernels of its module; those are compiled with it.

    Args:
        function: Its Python.
        declared: One type an argument: ``i8`` a number, ``r:i8`` an array that is read (it may be mapped from a
            file), ``w:i8`` one that is written. Empty for a kernel that only other kernels call.
    """

    def __init__(self, function: Callable[..., Any], declared: tuple[str, ...]) -> None:
        self.function, self.declared = function, declared
        self.__doc__, self.__name__ = function.__doc__, getattr(function, "__name__", "kernel")
        self._ready: Callable[..., Any] | None = None

    def __reduce__(self) -> Any:
        """A kernel travels as its name: the other side compiles its own."""
        return _named, (self.function.__module__, self.__name__)

    def __call__(self, *given: Any) -> Any:
        """Run it; it leaves Python's lock while it does."""
        return (self._ready or self.ready())(*given)

    def ready(self) -> Callable[..., Any]:
        """The compiled function, compiled now where it is not yet."""
        with _COMPILING:
            if self._ready is None:
                self._ready = self._compiled()
            return self._ready

    def _compiled(self) -> Callable[..., Any]:
        import numba

        function = self.function
        assert isinstance(function, FunctionType)  # noqa: S101  the decorator's own use
        names = function.__code__.co_names
        others = {name: value.ready() for name in names if isinstance(value := function.__globals__.get(name), Kernel)}
        if others:
            doc = function.__doc__
            function = FunctionType(function.__code__, function.__globals__ | others, function.__name__)
            function.__doc__, function.__module__ = doc, self.function.__module__
            function.__qualname__ = self.function.__name__
        types = tuple(_type(text) for text in self.declared)
        signature = [types] if types else None
        try:
            return numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError as error:
            if "locator" not in str(error):
                raise
            return numba.njit(signature, nogil=True)(function)  # nowhere to keep it


def _named(module: str, name: str) -> Kernel:
    found: Kernel = getattr(importlib.import_module(module), name)
    return found


def compiled(*declared: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Mark a function as a kernel; see `Kernel` for how its types are declared."""
    return lambda function: Kernel(function, declared)


def _type(text: str) -> Any:
    from numba import types

    kinds = {
        "i1": types.int8, "i4": types.int32, "i8": types.int64, "u1": types.uint8, "u2": types.uint16,
        "u8": types.uint64, "f4": types.float32, "f8": types.float64, "b1": types.boolean,
    }  # fmt: skip
    use, _, kind = text.rpartition(":")
    if not use:
        return kinds[kind]
    dimensions = int(use[1:] or 1)
    return types.Array(kinds[kind], dimensions, "C", readonly=use[0] == "r")
