"""Which requests the engine takes on, and in which order. Pure; ``api/admission.py`` waits for it."""
