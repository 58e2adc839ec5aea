# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Viam's gRPC API: converts calls for the supervisor; no decisions, and no ROS."""
