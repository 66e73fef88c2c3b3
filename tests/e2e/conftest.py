"""Shared by the runs of the real command."""

import pytest


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Servers, files and data, kept from test to test as they are from run to run."""
    return tmp_path_factory.mktemp("home")
