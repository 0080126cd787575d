"""A store against plain dicts, after each step of programs that Hypothesis makes: store_model.py has the steps."""

import pytest
import store_model

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

store_model.StoreMachine.TestCase.settings = store_model.BOUNDED
TestStore = store_model.StoreMachine.TestCase
