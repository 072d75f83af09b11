"""The course of a search: how many candidates are started when, and when it is over.

``course`` and ``stop`` decide, pure and in token time, so that a live engine and a replay of records take
the same decisions: read ``course`` first. ``state`` is what is known and how it counts; ``reader`` and
``progress`` run beside the sampling.
"""
