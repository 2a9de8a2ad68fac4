"""Factories that return the very same for equal arguments.

Programs are kept by the functions that they were compiled of, so a search or network that is made
where it is used, as in `run(..., algorithm=bayesian_search())`, has to be the same one each time.
"""

import inspect
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


def cached_factory(factory: Callable[Arguments, Made]) -> Callable[Arguments, Made]:
    """The factory, which makes one of a kind of the last 128 kinds that were asked of it.

    A default that is spelled out is the default. Where an argument cannot be hashed, as an array, a
    new one is made each time. The factory itself makes no arrays: those of a call within a program
    that is being traced would outlive it.
    """
    signature, remembered = inspect.signature(factory), lru_cache(typed=True)(factory)

    @wraps(factory)
    def make(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Made:
        try:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            hash((given.args, tuple(given.kwargs.values())))
        except TypeError:
            return factory(*args, **kwargs)
        return remembered(*given.args, **given.kwargs)

    return make
