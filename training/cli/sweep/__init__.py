"""The command `sweep`: trains one model for each combination of some settings, side by side, and compares them.

command  runs a sweep and prints its table
options  the options of the command
plan     the runs of a sweep, and its folder
grid     --over: the settings and their values, and each combination of them
table    the table with a row for each run
"""
