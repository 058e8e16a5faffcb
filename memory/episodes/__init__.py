"""Tier 1's index: what was said, found again by meaning and by words. The journal is what it is made from."""
