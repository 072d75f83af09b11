"""How large the run of ``trl_run`` is."""

PROMPTS, GROUP, STEPS = 4, 8, 3
