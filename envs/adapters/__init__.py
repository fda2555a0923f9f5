"""Adapters between games and other libraries; each module imports only the library it is for."""
