"""The four tiers of memory, and the engine that mounts them.

Knows nothing of verifiers, nights, graphs or terminals: those rooms import this one, never the other way.
"""
