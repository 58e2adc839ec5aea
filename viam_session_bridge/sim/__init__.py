# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Robots that exist in software only, as ROS nodes in processes of their own."""
