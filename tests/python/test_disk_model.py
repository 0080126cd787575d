"""The programs of test_model.py with dumps, loads and syncs among their steps: disk_model.py has these."""

import disk_model
import pytest
from hypothesis import settings
from store_model import BOUNDED

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

disk_model.DiskMachine.TestCase.settings = settings(BOUNDED, max_examples=60)
TestDisk = disk_model.DiskMachine.TestCase
