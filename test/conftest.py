# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The environment of every test: a reserved ROS domain on this machine, and no leftovers.

Fixtures belong in the `conftest.py` of the folder whose tests use them. Modules beside this file
can be imported by every test by their plain name, in child processes they cannot.
"""

from importlib import import_module
from pathlib import Path
import signal
import sys

from hypothesis import settings
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
dds_environment = import_module('dds_environment')

# Under nohup, child processes would inherit that SIGHUP is ignored, and a bridge leaves it so. Not
# by preexec_fn: that would fork this process, gRPC's threads and all.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


# The duration of an example depends on the machine only.
settings.register_profile('any machine', deadline=None)
settings.load_profile('any machine')


def distributes(config: pytest.Config) -> bool:
    """Return whether this process leaves the tests to workers of pytest-xdist."""
    return config.getoption('dist', 'no') != 'no'


def pytest_configure(config: pytest.Config) -> None:
    """Choose the domain before any test starts ROS; child processes inherit it."""
    if not distributes(config):
        dds_environment.isolate()


def pytest_report_header(config: pytest.Config) -> str:
    if distributes(config):
        return 'ros: one domain for each worker'
    return dds_environment.describe()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not distributes(config):
        dds_environment.remove_leftovers()
        dds_environment.release()
