"""Dormouse inside other people's apps: LangChain's chat model and middleware. Needs `langchain-core`,
`langchain`.
"""
