"""Who survives a probe. Pure Python: the server, the trainer and the tests call the same code.

To add a survival policy: write ``pruning/<name>.py`` with a frozen dataclass that has ``name``,
``waits`` and ``judge``, and list it in ``registry.POLICIES``. Its fields are its parameters.
"""
