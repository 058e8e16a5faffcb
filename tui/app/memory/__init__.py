"""The memory screen."""
