"""Competency 2: the experience as customers live it. Stages, moments, paths, promises."""
