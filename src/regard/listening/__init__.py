"""Competency 3: what customers say, what drives it, who is not heard."""
