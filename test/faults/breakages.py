# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Deliberate breakages of the product, for the suite's own proof that it can fail."""

BREAKAGES = {}
