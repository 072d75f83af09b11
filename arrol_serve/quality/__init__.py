"""What a rollout is worth: the quality head, its calibration, its artefact."""
