"""Where the bundled artefacts are."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
MODEL = ROOT / "arrol_serve" / "bundled_model"
HEAD = ROOT / "heads" / "arrol-tiny"
