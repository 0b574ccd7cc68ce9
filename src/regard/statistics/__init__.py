"""Arrays in, frozen results out. Knows no SQL, no domain columns and no names of scores.

Every result says its interval, n, effective n and method; where evidence is too thin, `Estimate.refused` says why and
the number is not a number. Every random method takes a seed.
"""
