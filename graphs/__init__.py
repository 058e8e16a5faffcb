"""The LangGraph graphs: what calls the stages in order, and remembers where it was."""
