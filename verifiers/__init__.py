"""Outside judges of an answer or a claim; they know nothing of memory, sleep or agents."""
