"""Measurements of a whole installation on this machine: peers and limits in the same run, as ratios."""
