"""Every published figure, re-measured by one command: ``make bench``. Peers run in the same run; ratios are quoted."""
