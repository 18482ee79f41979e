# SPDX-License-Identifier: GPL-2.0
"""How is a series of measurements told?"""

import statistics


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(values, base):
    """Each within its round."""
    return spread([value / other for value, other in zip(values, base)])
