"""The base of the package's value objects: immutable, compared by value, cheap to import.

`dataclasses` does the same and costs more time to import (it imports `inspect`) than the rest of
this package together; a function's cold start pays for it.
"""

from typing import Any, NoReturn


class Frozen:
    """A value object: its slots are set once by `_fill` and never again.

    One that is made for every request has its slots in a base class without these guards: an object
    of that is filled and then given its own class. That takes half the time of `_fill`.
    """

    __slots__: tuple[str, ...] = ()

    def _fill(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _names(self) -> tuple[str, ...]:
        found = (getattr(kind, "__slots__", ()) for kind in type(self).__mro__)
        return next(filter(None, found), ())

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._names())

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._names())
        return f"{type(self).__name__}({shown})"
