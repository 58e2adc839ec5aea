# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Viam's gRPC API in front of a ROS 2 robot that stops when its client vanishes.

Here belongs the version, the same as in `package.xml` (test/test_release.py), and nothing else:
importing the package must cost nothing and start nothing. The parts and who may import whom are
written down in `test/test_architecture.py`.
"""

__version__ = '0.2.0'
