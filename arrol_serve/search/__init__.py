"""The course of a search: how many candidates are started when, and when it is over.

Pure, and in token time, so that a live engine and a replay of records take the same decisions:
read ``course`` first.
"""
