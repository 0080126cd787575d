"""What get() of a client gives for an object that is not there.

A file of its own, so that a Brain over a client needs none of plasma.py, and no pyarrow.
"""


class ObjectNotAvailable:
    """Stands for an object that is not there in what get() returns: this class itself."""

    __module__ = "brain_plasma.plasma"  # where it is to be imported from
