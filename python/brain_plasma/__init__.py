"""A dictionary in shared memory.

    from brain_plasma import Brain

    brain = Brain()                 # the store /tmp/plasma, made where there is none
    brain['x'] = numpy.arange(10)   # any process on this machine now has brain['x']

`Brain` has everything; `brain_plasma.exceptions` has what it raises.
"""

from . import exceptions
from ._core import __version__
from .brain import Brain
from .exceptions import BrainError

__all__ = ["Brain", "BrainError", "__version__", "exceptions"]
