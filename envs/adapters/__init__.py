"""Faces of the game for other libraries; each module imports only the library it is for."""
