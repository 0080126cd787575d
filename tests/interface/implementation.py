"""What is tested: our own package, or with BRAIN_ORIGINALS=1 the originals, brain-plasma 0.3.3 and
the pyarrow.plasma of Arrow 11."""

import os
import sys
from pathlib import Path

ORIGINALS = os.environ.get("BRAIN_ORIGINALS") == "1"

if ORIGINALS:
    IMPORT_PLASMA = "from pyarrow import plasma"
    from pyarrow import plasma
else:
    IMPORT_PLASMA = "from brain_plasma import plasma"
    from brain_plasma import plasma

# Beside the interpreter of the environment that the package is installed in.
PLASMA_STORE = str(Path(sys.executable).with_name("plasma_store"))

__all__ = ["IMPORT_PLASMA", "ORIGINALS", "PLASMA_STORE", "plasma"]
