# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""One file for each way to move and stop a resource. Drivers make no decisions."""
