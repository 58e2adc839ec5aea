# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated robots, as ROS nodes in separate processes."""
