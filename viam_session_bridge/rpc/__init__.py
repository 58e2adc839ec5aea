# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Speaks Viam over gRPC: translates calls, decides nothing, knows nothing of ROS."""
