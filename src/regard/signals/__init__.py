"""Kinds of signal, who is who, settling, and the scope every question is asked in."""
