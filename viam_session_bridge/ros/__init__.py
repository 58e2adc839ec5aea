# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS side: parameters, pump, feedback and drivers. It does not depend on gRPC."""
