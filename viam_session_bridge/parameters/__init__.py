# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a parameter file may say, and what it means. Pure: needs neither ROS nor gRPC.

schema: how tables describe parameters; checks: values alone; rules: values against each other;
load: from what was found to a BridgeConfig. One file for each component.
"""
