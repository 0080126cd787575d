"""For the tests of all folders."""

import gc
import signal

import pytest

# A shell ignores Ctrl-C in what it starts in the background, and whatever that starts does, too: Python then has no
# handler, and tests that send themselves a SIGINT, or to a child, would wait for what does not come.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """Let gc.collect() look at what the tests of this file have made, and not at all that there is: thousands of
    tests, and the modules of pandas. That takes a third of a second each time."""
    gc.collect()  # what is garbage by now would stay for good
    gc.freeze()
