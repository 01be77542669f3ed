import pytest

from zoo.simulation.showers import ShowerLibrary


@pytest.fixture(scope="session")
def library():
    return ShowerLibrary.shipped()
