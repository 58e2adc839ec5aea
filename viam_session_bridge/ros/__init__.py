# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The part that speaks ROS: parameters, pump, feedback and drivers. Knows nothing of gRPC."""
