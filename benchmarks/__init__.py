import runpy
from pathlib import Path

# By its path, not by its name: the reason is in that file.
runpy.run_path(str(Path(__file__).parents[1] / "models" / "system" / "privacy.py"))["silence_telemetry"]()
