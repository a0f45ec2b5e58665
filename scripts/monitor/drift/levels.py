"""How much error a look at a window may spend, so that a year of daily looks has at most one false
alarm: 365 * (DAILY_LEVEL + EXACT_LEVEL) is 0.95."""

DAILY_LEVEL = 0.0025  # of decide: over all properties, statistics and records
EXACT_LEVEL = 0.0001  # of all exact checks together
