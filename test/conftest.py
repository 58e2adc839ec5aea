# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The environment of every test: a ROS domain of our own on this machine, and nothing left behind.

Fixtures belong in the `conftest.py` of the folder whose tests use them. Modules beside this file
can be imported by every test by their plain name, in child processes they cannot.
"""

from importlib import import_module
from pathlib import Path
import signal
import sys

sys.path.insert(0, str(Path(__file__).resolve().parent))
dds_environment = import_module('dds_environment')

# Before anything imports rclpy, and in os.environ, so that child processes inherit it.
dds_environment.isolate()

# Under nohup, child processes would inherit that SIGHUP is ignored, and a bridge leaves it so. Not
# by preexec_fn: that would fork this process, gRPC's threads and all.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_report_header() -> str:
    return dds_environment.describe()


def pytest_unconfigure() -> None:
    dds_environment.remove_leftovers()
    dds_environment.release()
