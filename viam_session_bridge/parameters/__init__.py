# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The content of a parameter file, and its meaning. Pure: needs neither ROS nor gRPC.

schema: how tables describe parameters; checks: single values; rules: values against each other;
load: from the values of a node to a BridgeConfig. One file for each component.
"""
