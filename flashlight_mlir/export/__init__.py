"""A compiled program for others: as an FX graph whose kernels are calls of one op, and as a Python file that runs alone."""
