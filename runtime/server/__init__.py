"""The HTTP server: an agent behind OpenAI's chat API, and its memory beside it. Imported by `dormouse serve`
only.
"""
