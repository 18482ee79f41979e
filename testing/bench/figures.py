# SPDX-License-Identifier: GPL-2.0
"""How is a series of measurements summarised?"""

import statistics


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def ratios(values, base):
    """The ratio of each value to that of the base in the same round."""
    return spread([value / other for value, other in zip(values, base)])
