import pytest
from support.executables import Executable


@pytest.fixture
def executable(stratslabd, tmp_path):
    return Executable(stratslabd, str(tmp_path))
